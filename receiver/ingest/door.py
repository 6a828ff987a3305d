"""What every webhook does first: who sends, and may they."""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from starlette.responses import Response

from receiver.domain.incident import Placement, Rules
from receiver.web import problem

BODY_LIMIT = 32 << 20

# The firing alerts' labels, source, receiver and group key -> where their incident is shown.
Place = Callable[[Iterable[dict[str, str]], str, str, str], tuple[Placement, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A configured sender; ``token`` None lets everybody in, ``place`` routes its alerts."""

    name: str
    token: str | None = field(repr=False)
    place: Place
    rules: Rules = Rules()  # noqa: RUF009  (an immutable value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The configured senders by name, and the largest body that any may send, in bytes."""

    gates: Mapping[str, Gate]
    body_limit: int = BODY_LIMIT


UNAUTHORIZED = "send the source's token as Bearer, or as the password of Basic"


def unauthorized() -> Response:
    """Return the answer to a sender without the right token."""
    return problem(401, "unauthorized", UNAUTHORIZED, {"WWW-Authenticate": "Bearer"})


def admits(gate: Gate, header: str) -> bool:
    """Say whether an Authorization header carries the gate's token, in constant time."""
    if gate.token is None:
        return True
    scheme, _, value = header.partition(" ")
    given = value.strip() if scheme.lower() == "bearer" else _basic_password(scheme, value)
    return hmac.compare_digest(given.encode("utf-8", "replace"), gate.token.encode())


def _basic_password(scheme: str, value: str) -> str:
    if scheme.lower() != "basic":
        return ""
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
    return text.partition(":")[2]
