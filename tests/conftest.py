"""What all tests share: no deadlines of single examples, the real programs in two versions."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.binaries import current, find

# How long an example takes says more of the machine's load than of the code. What Hypothesis has
# chosen for CI stays: there, the same commit is tried with the same examples.
settings.register_profile("core", parent=settings(), deadline=None)
settings.load_profile("core")


@pytest.fixture(params=["stable", "current"])
def alertmanager_binary(request: pytest.FixtureRequest) -> Path:
    """Return each Alertmanager that we promise to work with: the machine's, and the newest."""
    if request.param == "current":
        return current("prometheus-alertmanager")
    return find("alertmanager", "prometheus-alertmanager")
