"""A text that must not be shown."""

from typing import Never


class Secret:
    """A secret that prints as ``Secret('***')``.

    It is no dataclass, so that ``asdict`` cannot spread it, and it cannot be pickled.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """Return the secret itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError("a secret does not change")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError("a secret does not change")

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not pickled")
