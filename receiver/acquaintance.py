"""The part that knows people's names before they click: the chats' members, the policy's people."""

import asyncio
from collections.abc import Awaitable, Callable

from receiver.assembly import Parts, targets_of
from receiver.channels.base import split_target

LEARN_APART = 0.1  # seconds between chats whose members' names are read
LEARN_EVERY = 3_600.0
LEARN_AGAIN = 60.0  # after the directory did not answer


class Acquaintance:
    """Learns the names of the people in the configured chats before anyone clicks.

    One chat after another: a start must not spend the app's calls of a second. People come and
    go, so it is done again each hour; a chat that was read lately is not read again.
    """

    def __init__(
        self,
        parts: Callable[[], Parts],
        pause: Callable[[float], Awaitable[None]],
        sleep: Callable[[asyncio.Event, float], Awaitable[None]],
    ) -> None:
        self._parts = parts
        self._pause = pause
        self._sleep = sleep
        self._now = asyncio.Event()
        self._learning = True

    async def run(self) -> None:
        """Learn until stopped."""
        while self._learning:
            self._now.clear()
            for target in targets_of(self._parts().config):
                name, address = split_target(target)
                app = self._parts().apps.get(name)
                if app is not None and address and self._learning:
                    app.channel.prefetch(address)
                    await self._pause(LEARN_APART)
            whole = await self._learn_people()
            await self._sleep(self._now, LEARN_EVERY if whole else LEARN_AGAIN)

    async def _learn_people(self) -> bool:
        """Look up the addresses that the policy names; return whether all were answered.

        Each app is asked: it knows people by ids of its own.
        """
        emails = self._parts().setting.policy.emails
        apps = tuple(self._parts().apps.values()) if emails else ()
        for app in apps:
            await app.channel.learn_people(emails)
        known = (app.channel.known_person(mail) for app in apps for mail in emails)
        return all(person is not None for person in known)

    def hurry(self) -> None:
        """Learn at once: the chats may be others now."""
        self._now.set()

    def stop(self) -> None:
        """Learn no more."""
        self._learning = False
        self._now.set()
