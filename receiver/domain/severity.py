"""How bad an alert is: the configured label and its order, as a rank."""

from dataclasses import dataclass

SEVERITY_LABEL = "severity"
SEVERITY_ORDER = ("critical", "error", "warning", "info")


@dataclass(frozen=True, slots=True)
class SeverityScale:
    """The label that carries the severity, and its values from the worst to the mildest."""

    label: str = SEVERITY_LABEL
    order: tuple[str, ...] = SEVERITY_ORDER

    def rank(self, labels: dict[str, str]) -> int:
        """Return 0 for the worst; a missing or unknown value ranks as the one before the mildest.

        An alert whose severity nobody can read must not be hidden behind those that are mild.
        """
        value = labels.get(self.label, "")
        try:
            return self.order.index(value)
        except ValueError:
            return max(len(self.order) - 2, 0)

    def name(self, rank: int) -> str:
        """Return the value that stands for a rank."""
        return self.order[min(max(rank, 0), len(self.order) - 1)]


CRITICAL = 0
