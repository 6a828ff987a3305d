"""Who acted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person as the platform knows them; ``name`` may be empty until it has been looked up."""

    open_id: str
    union_id: str = ""
    name: str = ""

    @property
    def label(self) -> str:
        """What to call them where a name must stand."""
        return self.name or self.open_id
