"""Identifiers in the platform's forms, the same ones for the same seed."""

from hashlib import blake2b


class Ids:
    """A sequence of identifiers that depends on nothing but its seed.

    Ids of different seeds never meet, so a restarted sandbox with a new seed cannot hand out a
    message id that somebody still remembers from the old one.
    """

    def __init__(self, seed: str) -> None:
        self._key = blake2b(seed.encode(), digest_size=32).digest()
        self._count = 0

    def mint(self, prefix: str = "") -> str:
        """Return `prefix` and 32 hex digits, never the same twice."""
        self._count += 1
        digest = blake2b(self._count.to_bytes(8, "big"), digest_size=16, key=self._key)
        return prefix + digest.hexdigest()

    def named(self, prefix: str, *names: str) -> str:
        """Return the id that always belongs to these names under this seed."""
        digest = blake2b("\0".join(names).encode(), digest_size=16, key=self._key)
        return prefix + digest.hexdigest()

    def uuid(self) -> str:
        """Return 32 hex digits in the five groups of a UUID."""
        digits = self.mint()
        return "-".join(
            (digits[:8], digits[8:12], "4" + digits[13:16], "8" + digits[17:20], digits[20:])
        )
