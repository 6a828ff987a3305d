"""What ``receiver doctor`` does: look at a live set-up, change nothing, and say what to fix."""

from receiver.doctor.examination import examine
from receiver.doctor.finding import Finding, Verdict

__all__ = ["Finding", "Verdict", "examine"]
