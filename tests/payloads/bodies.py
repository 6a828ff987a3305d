"""The captured bodies of real Alertmanagers, and what is known of each."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One request as it came: file, bytes and headers."""

    name: str
    raw: bytes
    headers: dict[str, str]
    sha256: str

    @property
    def sender(self) -> str:
        """Return who sent it: am025, am033 or ha025."""
        return self.name.partition("_")[0]

    @property
    def body(self) -> dict[str, Any]:
        """Return the body, decoded."""
        decoded: dict[str, Any] = json.loads(self.raw)
        return decoded

    def twin(self, peer: str) -> bytes:
        """Return the body as another peer of the same cluster sends it."""
        return json.dumps({**self.body, "externalURL": peer}).encode() + b"\n"

    def check(self) -> bool:
        """Say whether the file is what was captured."""
        return hashlib.sha256(self.raw).hexdigest() == self.sha256


def load() -> tuple[Payload, ...]:
    """Return every captured request, in the order of its capture's index."""
    index = json.loads((FOLDER / "INDEX.json").read_bytes())
    return tuple(
        Payload(
            name=entry["file"].removesuffix(".json"),
            raw=(FOLDER / entry["file"]).read_bytes(),
            headers=dict(entry["headers"]),
            sha256=entry["sha256"],
        )
        for entry in index
    )


PAYLOADS = load()
BY_NAME = {payload.name: payload for payload in PAYLOADS}
