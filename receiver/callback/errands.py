"""Messages to the bot: kept before the platform is told so, then answered, each exactly once.

After a crash what was kept is carried out again: an action is applied once by its id, a reply
appears once by its uuid, which the platform remembers for an hour. What has waited for longer than
``LATE``, or was written longer than ``WRITTEN_LATE`` ago, is not done any more, and answered so.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from structlog.typing import FilteringBoundLogger

from receiver.callback.commands import Asker, Commands
from receiver.callback.desk import ThreadReply
from receiver.callback.toasts import NOT_KEPT
from receiver.channels.base import Limit
from receiver.channels.feishu.answer_card import Answer, render_answer
from receiver.channels.feishu.client import FeishuApp
from receiver.channels.feishu.message import Message
from receiver.domain.card import Call
from receiver.domain.outcome import Delivered, Outcome, Rejected, Retry
from receiver.domain.person import Actor
from receiver.phrases import Said
from receiver.store.base import Asked, Store, StoreError

LATE = 10 * 60_000  # ms
# The platform pushes again for hours what it could not deliver. Its clock may differ from ours.
WRITTEN_LATE = 30 * 60_000
AT_ONCE = 8
TRIES_MOST = 6
BACK_OFF = 1_000  # ms, doubled each time
_TOO_LATE = Answer(
    Said("没有及时执行", "This was not done in time"),
    ((Said("请看卡片,需要时再写一次", "Look at the card, and ask again where it is needed"),),),
    "red",
)


class Windows(Protocol):
    """The limits that all calls of this program share; Ledger is one."""

    def wait(self, limits: Iterable[Limit], *, critical: bool, now: int) -> tuple[int, str]:
        """Return 0 if a call is admitted, else the ms to wait, and the limit's name."""

    def start(self, limits: Iterable[Limit]) -> None:
        """Count a call as made."""

    def finish(self, limits: Iterable[Limit], now: int) -> None:
        """Count a call as answered."""

    def refused(self, limits: Iterable[Limit], after: int, now: int) -> None:
        """Learn from a rate-limit error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrandMeans:
    """What errands need; ``apps`` gives an app's channel in force, or None."""

    app: Callable[[str], FeishuApp | None]
    commands: Commands
    store: Store
    windows: Windows
    # Returns the keys that a call counts against, which ended so.
    charge: Callable[[FeishuApp, Sequence[Limit], Outcome], tuple[str, ...]]
    log: FilteringBoundLogger
    now: Callable[[], int]
    pause: Callable[[float], Awaitable[None]]


class _Kept(msgspec.Struct):
    """A message as it is kept, and the app that heard it."""

    app: str
    message: Message
    trace: str = ""


_kept = msgspec.json.Decoder(_Kept).decode


class Errands:
    """Takes messages, and answers them in tasks of its own."""

    def __init__(self, means: ErrandMeans) -> None:
        self._means = means
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    async def hear(self, app: str, message: Message, trace: str) -> bool:
        """Keep a message that may be for us; False where it is known or surely for others.

        Raises:
            Unavailable: it is not known to be durable: the platform must push it again.

        """
        if not message.matters:
            return False
        value = msgspec.json.encode(_Kept(app, message, trace))
        asked = Asked(f"{app}:{message.message_id}", self._means.now(), value)
        new = await self._means.store.ask(asked)
        if new:
            self._start(asked)
        return new

    async def resume(self) -> None:
        """Take up what an earlier run left."""
        for asked in await self._means.store.asked():
            self._start(asked)

    async def close(self) -> None:
        """Stop; what is left is taken up at the next start."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start(self, asked: Asked) -> None:
        if asked.id in self._tasks or self._closed:
            return
        task = asyncio.create_task(self._run(asked))
        self._tasks[asked.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(asked.id, None))

    async def _run(self, asked: Asked) -> None:
        async with self._room:
            try:
                keys = await self._carry_out(asked)
                await self._means.store.answered(asked.id, keys, self._means.now())
            except StoreError:
                self._means.log.exception("command left for the next start", command=asked.id)
            except Exception:
                self._means.log.exception("command not answered", command=asked.id)
                await self._means.store.answered(asked.id, (), self._means.now())

    async def _carry_out(self, asked: Asked) -> tuple[str, ...]:
        """Answer a message; return the keys of the calls that it took."""
        means, kept = self._means, _kept(asked.value)
        app, message = means.app(kept.app), kept.message
        if app is None:
            return ()
        us = await self._ourselves(app) if message.names_a_bot or message.private else ""
        actor = Actor(
            open_id=message.open_id,
            union_id=message.union_id,
            name=await app.name_of(message.open_id, message.chat_id),
        )
        if not message.private and not message.calls(us):
            await self._note(app, message, actor, kept.trace)
            return ()
        card = await means.store.card_of(message.thread) if message.thread else None
        asker = Asker(
            actor=actor,
            place=f"{kept.app}:{message.chat_id}",
            message=message.message_id,
            channel=app,
            incident=0 if card is None else card.incident,
            trace=kept.trace,
        )
        late = _is_late(asked.at, message, means.now())
        answer = _TOO_LATE if late else await means.commands.answer(message.without(us), asker)
        means.log.info(
            "command", actor=message.open_id, place=asker.place, title=answer.title.en_us
        )
        return await self._reply(app, message, render_answer(answer))

    async def _note(self, app: FeishuApp, message: Message, actor: Actor, trace: str) -> None:
        """Keep what is said in a card's thread, and to nobody of ours."""
        text = message.without("")
        if not message.thread or not text:
            return
        said = ThreadReply(message.message_id, message.thread, actor, text, trace)
        kept = await self._means.commands.desk.note(said, app)
        if kept is not None and kept.toast == NOT_KEPT:
            raise StoreError("the note is not kept")

    async def _ourselves(self, app: FeishuApp) -> str:
        """Return the bot's open_id; empty where the platform does not tell it for a while."""
        for tries in range(TRIES_MOST):
            us = await app.bot_id()
            if us is not None:
                return us
            await self._means.pause(BACK_OFF * 2**tries / 1000)
        self._means.log.warning("nobody says who the bot is", app=app.name)
        return ""

    async def _reply(self, app: FeishuApp, message: Message, content: str) -> tuple[str, ...]:
        means = self._means
        limits = app.limits(Call.REPLY, message.chat_id, message.message_id)
        uuid = _uuid(app.name, message.message_id)
        charged: tuple[str, ...] = ()
        for tries in range(TRIES_MOST):
            while (wait := means.windows.wait(limits, critical=False, now=means.now())[0]) > 0:
                await means.pause(wait / 1000)
            means.windows.start(limits)
            try:
                outcome: Outcome = await app.reply(message.message_id, content, uuid)
            finally:
                means.windows.finish(limits, means.now())
            charged += means.charge(app, limits, outcome)
            if isinstance(outcome, Delivered | Rejected):
                break
            await self._after(outcome, limits, tries)
        if not isinstance(outcome, Delivered):
            detail = outcome.detail
            means.log.warning("command not answered", message=message.message_id, detail=detail)
        return charged

    async def _after(self, outcome: Outcome, limits: Sequence[Limit], tries: int) -> None:
        after = outcome.after if isinstance(outcome, Retry) else 0
        if isinstance(outcome, Retry) and outcome.reason == "rate_limited":
            self._means.windows.refused(limits, after, self._means.now())
        await self._means.pause(max(after, BACK_OFF * 2**tries) / 1000)


def _is_late(asked_at: int, message: Message, now: int) -> bool:
    written = message.created_at
    return now - asked_at > LATE or (bool(written) and now - written > WRITTEN_LATE)


def _uuid(app: str, message: str) -> str:
    """Return the id by which the platform sends an answer once."""
    text = f"answer\0{app}\0{message}".encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()
