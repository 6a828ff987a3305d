"""Notes to the operators: one plain card in their own target, once a day for each cause."""

import contextlib
import hashlib
from collections.abc import Awaitable, Callable

from receiver.domain.alert import Alert, fingerprint
from receiver.domain.incident import Kind, Notice, Placement, Rules
from receiver.store.base import Store, StoreError

# What is wrong, what to do, and what makes it the same note again.
Tell = Callable[[str, str, str], Awaitable[None]]

SOURCE = "receiver"


async def tell_nobody(title: str, text: str, cause: str) -> None:
    """Tell nobody: no operators' target is configured."""


class Operators:
    """Tells the operators what only they can cure."""

    def __init__(
        self,
        *,
        target: Callable[[], str],
        store: Store,
        now: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._target = target
        self._store = store
        self._now = now
        self._wake = wake

    async def tell(self, title: str, text: str, cause: str) -> None:
        """Send a note, unless the same cause had one in the last 24 hours, or nobody reads it."""
        target = self._target()
        if not target:
            return
        await self._apply(note(title, text, cause, target, self._now()))

    async def trouble(self, title: str, text: str, cause: str, lasts: bool) -> None:
        """Tell of what is wrong for a time, or that it is over, on one card."""
        target = self._target()
        if target:
            await self._apply(trouble(title, text, cause, target, lasts=lasts))

    async def _apply(self, told: Notice) -> None:
        with contextlib.suppress(StoreError):  # a note is help, and must not become a fault
            applied = await self._store.apply(told, Rules(), self._now())
            if applied.raised:
                self._wake()


def trouble(title: str, text: str, cause: str, target: str, *, lasts: bool) -> Notice:
    """Return what is wrong for a time as a message with a state: one card tells both ends."""
    key = hashlib.sha256(cause.encode("utf-8", "replace")).hexdigest()
    annotations = {"summary": title, "description": text}
    labels = {"severity": "warning"}
    return Notice(
        source=SOURCE,
        receiver="operators",
        group_key=key,
        alerts=(Alert(fingerprint({"note": key}), lasts, labels, annotations),),
        group_labels={},
        placements=(Placement(target),),
        kind=Kind.AGENT,
        title=title,
    )


def note(title: str, text: str, cause: str, target: str, now: int) -> Notice:
    """Return a note as the single-revision message that it is."""
    key = hashlib.sha256(cause.encode("utf-8", "replace")).hexdigest()
    labels = {"severity": "warning"}
    annotations = {"summary": title, "description": text}
    return Notice(
        source=SOURCE,
        receiver="operators",
        group_key=f"{key}#{now}",
        alerts=(Alert(fingerprint({"note": key}), True, labels, annotations),),
        group_labels={},
        placements=(Placement(target),),
        kind=Kind.MESSAGE,
        title=title,
        once=f"operators:{key}",
    )
