"""Mentions as people write them, resolved to ids that may stand in a card.

https://open.feishu.cn/document/server-docs/contact-v3/user/batch_get_id
"""

import asyncio
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from receiver.channels.feishu.api import Api
from receiver.channels.feishu.attempt import Ports
from receiver.channels.feishu.content import UNREADABLE
from receiver.domain.outcome import Delivered

PATH = "/open-apis/contact/v3/users/batch_get_id"
ENDPOINT = ("POST", PATH)
BATCH = 50
BUDGET = 2.0  # seconds; a card goes out without a mention rather than later
HIT_LIFE = 24 * 60 * 60_000  # ms
MISS_LIFE = 10 * 60_000
FAILURE_LIFE = 60_000

_OPEN_ID = re.compile(r"ou_[A-Za-z0-9_-]{1,64}", re.ASCII)
EVERYONE = "all"


def is_open_id(text: str) -> bool:
    """Say whether a text has the shape of a person's id."""
    return _OPEN_ID.fullmatch(text) is not None


class _Known(NamedTuple):
    """What is known of an e-mail address: an empty id for a person whom nobody found."""

    open_id: str
    until: int
    answered: bool = True  # by the directory, now or before


class _User(msgspec.Struct):
    user_id: str | None = None
    email: str | None = None


class _Users(msgspec.Struct):
    user_list: list[_User] | None = None


class _Body(msgspec.Struct):
    data: _Users


_body = msgspec.json.Decoder(_Body).decode


class People:
    """Resolves mentions, keeping what it learns; ``budget`` is in seconds."""

    def __init__(self, api: Api, ports: Ports, budget: float = BUDGET) -> None:
        self._api = api
        self._ports = ports
        self._budget = budget
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def resolve(self, mention: Sequence[str]) -> tuple[str, ...]:
        """Return open_ids, or ``all``, in order and once each; the rest is logged and dropped."""
        await self._learn({entry for entry in mention if "@" in entry})
        found = {entry: self._resolved(entry) for entry in mention}
        for entry, who in found.items():
            if not who:
                self._ports.log.warning("mention dropped: no such person", mention=entry)
        return tuple(dict.fromkeys(who for who in found.values() if who))

    async def learn(self, emails: Collection[str]) -> None:
        """Look these addresses up where they are not known, for ``known``; takes the budget."""
        await self._learn(set(emails))
        for mail in emails:
            if self.known(mail) == "":
                self._ports.log.warning(
                    "nobody has this address: its rules do not apply", mail=mail
                )

    def known(self, email: str) -> str | None:
        """Return an address's open_id, empty where nobody has it; None while that is not known."""
        known = self._known.get(email)
        return None if known is None or not known.answered else known.open_id

    async def close(self) -> None:
        """End what runs in the background."""
        tasks = set(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _resolved(self, entry: str) -> str:
        if entry == EVERYONE or _OPEN_ID.fullmatch(entry):
            return entry
        # An id that was right a day ago beats none, should asking again have failed.
        known = self._known.get(entry)
        return known.open_id if known is not None else ""

    async def _learn(self, emails: set[str]) -> None:
        """Ask for what is not known, or not any more; wait for it while the budget lasts."""
        now, known = self._ports.now(), self._known
        wanted = sorted(mail for mail in emails if mail not in known or known[mail].until <= now)
        fresh = [mail for mail in wanted if mail not in self._asking]
        for start in range(0, len(fresh), BATCH):
            batch = tuple(fresh[start : start + BATCH])
            self._asking |= dict.fromkeys(batch, asyncio.create_task(self._ask(batch)))
        if wanted:
            # Those who give up leave the task alone: its answer serves the next card.
            await asyncio.wait({self._asking[mail] for mail in wanted}, timeout=self._budget)

    async def _ask(self, batch: tuple[str, ...]) -> None:
        try:
            found = await self._look_up(batch)
            now = self._ports.now()
            for mail in batch:
                self._known[mail] = self._learned(mail, found, now)
        finally:
            for mail in batch:
                self._asking.pop(mail, None)

    def _learned(self, mail: str, found: dict[str, str] | None, now: int) -> _Known:
        if found is None:
            before = self._known.get(mail, _Known("", 0, answered=False))
            return before._replace(until=now + FAILURE_LIFE)
        open_id = found.get(mail.lower(), "")
        return _Known(open_id, now + (HIT_LIFE if open_id else MISS_LIFE))

    async def _look_up(self, batch: tuple[str, ...]) -> dict[str, str] | None:
        """Return the open_ids of those who were found; None where there was no answer."""
        result = await self._api.call(
            ENDPOINT, PATH, query={"user_id_type": "open_id"}, body={"emails": batch}
        )
        if not isinstance(result.outcome, Delivered):
            return None
        try:
            users = _body(result.body).data.user_list or []
        except UNREADABLE:
            return None
        return {
            user.email.lower(): user.user_id
            for user in users
            if user.email and user.user_id and _OPEN_ID.fullmatch(user.user_id)
        }
