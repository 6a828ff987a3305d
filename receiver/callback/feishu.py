"""POST /callbacks/feishu/{app}: checked before anything is parsed further, answered at once."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from opentelemetry import trace as otel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from structlog.typing import FilteringBoundLogger

from receiver.callback.desk import Desk, Reply
from receiver.callback.form import filled
from receiver.callback.toast import Toast
from receiver.callback.toasts import NOT_KEPT, UNDERSTOOD_NOTHING
from receiver.channels.feishu.callback import (
    BODY_LIMIT,
    FRESH,
    Challenge,
    Click,
    Keys,
    RefusalReason,
    Refused,
    Replay,
    Verified,
    hear,
    verify,
)
from receiver.channels.feishu.callback_answer import (
    Toast as PlatformToast,
)
from receiver.channels.feishu.callback_answer import (
    ToastKind,
    answer,
    answer_challenge,
    toast,
)
from receiver.channels.feishu.client import FeishuApp
from receiver.channels.feishu.message import Message
from receiver.channels.feishu.stream_session import Unheard
from receiver.channels.feishu.value import parse_value
from receiver.domain.action import Action
from receiver.domain.person import Actor
from receiver.store.base import Store, Unavailable
from receiver.telemetry import attributes
from receiver.telemetry.metrics import Metrics
from receiver.telemetry.tracing import Tracing
from receiver.web import TooLarge, problem, read_body

# The platform waits three seconds, and then tells the clicker that nobody answered.
ANSWER_MOST = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackApp:
    """An app that may call back: its keys, and the channel that draws its cards."""

    keys: Keys
    channel: FeishuApp


async def hear_nothing(_: str, __: Message, ___: str) -> bool:
    """Take no notice of what people say."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackMeans:
    """What callbacks need; ``apps`` gives the configuration in force.

    ``hear`` keeps what somebody said to an app's bot; it raises Unavailable where it could not.
    """

    apps: Callable[[], Mapping[str, CallbackApp]]
    desk: Desk
    store: Store
    metrics: Metrics
    tracing: Tracing
    log: FilteringBoundLogger
    now: Callable[[], int]
    timer: Callable[[], float]
    hear: Callable[[str, Message, str], Awaitable[bool]] = hear_nothing


def limit() -> asyncio.Timeout:
    """Return the time within which a callback is answered, whatever the store does."""
    return asyncio.timeout(ANSWER_MOST)


class FeishuCallback:
    """People's clicks on the cards of an app."""

    def __init__(self, means: CallbackMeans) -> None:
        self._means = means

    async def __call__(self, request: Request) -> Response:
        """Answer one callback, and count what became of it."""
        means = self._means
        started = means.timer()
        name = request.path_params["app"]
        app = means.apps().get(name)
        if app is None:
            return problem(404, "unknown app", "no app of feishu has this name")
        outcome, response = await self._handle(request, app)
        means.metrics.callbacks.requests.of(name, outcome).inc()
        means.metrics.callbacks.duration.of(name).observe(means.timer() - started)
        return response

    async def _handle(self, request: Request, app: CallbackApp) -> tuple[str, Response]:
        try:
            raw = await read_body(request, BODY_LIMIT)
        except (TooLarge, ClientDisconnect):
            return "malformed", _refusal()
        verdict = verify(request.headers, raw, app.keys, self._means.now())
        if isinstance(verdict, Refused):
            self._means.log.warning("callback refused", app=app.channel.name, why=verdict.reason)
            return _refused_outcome(verdict.reason), _refusal()
        try:
            async with limit():
                if not await self._is_new(app, verdict):
                    return "replayed", _refusal()
                outcome, body = await self._obey(verdict, app)
                return outcome, _said(body)
        except (Unavailable, TimeoutError):
            if not isinstance(verdict.said, Click):
                return "failed", problem(503, "not kept", "it must be pushed again")
            # It may be kept all the same, and then it is carried out: the card will show it.
            return "failed", _said(answer(_toast(NOT_KEPT), None))

    async def heard(self, name: str, payload: bytes) -> bytes:
        """Obey what came over an app's long connection, and return what answers it.

        Raises:
            Unheard: nobody can obey it, or read it.

        """
        means = self._means
        started = means.timer()
        outcome, body = await self._from_stream(name, payload)
        means.metrics.callbacks.requests.of(name, outcome).inc()
        means.metrics.callbacks.duration.of(name).observe(means.timer() - started)
        if body is None:
            raise Unheard(outcome)
        return body

    async def _from_stream(self, name: str, payload: bytes) -> tuple[str, bytes | None]:
        app = self._means.apps().get(name)
        verdict = hear(payload)
        if app is None or isinstance(verdict, Refused):
            why = "unknown app" if isinstance(verdict, Verified) else verdict.reason
            self._means.log.warning("callback refused", app=name, why=why)
            return "malformed", None
        with self._means.tracing.tracer.start_as_current_span("feishu stream"):
            try:
                async with limit():
                    return await self._obey(verdict, app)
            except (Unavailable, TimeoutError):
                clicked = isinstance(verdict.said, Click)
                return "failed", answer(_toast(NOT_KEPT), None) if clicked else None

    async def _is_new(self, app: CallbackApp, verified: Verified) -> bool:
        """Whether this very request has not been accepted before."""
        if verified.replay is None:
            return True
        now = self._means.now()
        # A timestamp is fresh from FRESH before to FRESH after it.
        return await self._means.store.once(
            _replay_key(app, verified.replay), now + 2 * FRESH * 1000, now
        )

    async def _obey(self, verified: Verified, app: CallbackApp) -> tuple[str, bytes]:
        said = verified.said
        if isinstance(said, Challenge):
            return "challenge", answer_challenge(said)
        if isinstance(said, Message):
            trace = self._means.tracing.traceparent_of(otel.get_current_span())
            await self._means.hear(app.channel.name, said, trace)
            return "ok", b"{}"
        if not isinstance(said, Click):
            return "ok", b"{}"  # an event that nobody asked for
        reply = await self._click(said, app)
        return "ok", answer(_toast(reply.toast), reply.content)

    async def _click(self, click: Click, app: CallbackApp) -> Reply:
        means = self._means
        asked = parse_value(click.value)
        if asked is None:
            return Reply(UNDERSTOOD_NOTHING, None)
        name = app.channel.known_name(click.open_id)
        if not name:
            app.channel.prefetch(click.chat_id)  # for the next time: it must not delay this click
        span = otel.get_current_span()
        action = Action(
            id=_action_id(app, click),
            kind=asked.kind,
            incident=asked.incident,
            actor=Actor(
                open_id=click.open_id,
                union_id=click.union_id,
                name=name,
            ),
            at=means.now(),
            card=asked.card,
            generation=asked.generation,
            revision=asked.revision,
            silence=asked.silence,
            trace=means.tracing.traceparent_of(span),
            place=f"{app.channel.name}:{click.chat_id}",
        )
        setting = means.desk.setting()
        action = filled(action, click, setting.silences, setting.zone)
        if action.to is not None:
            known = app.channel.known_name(action.to.open_id)
            action = replace(action, to=replace(action.to, name=known))
        reply = await means.desk.answer(action, app.channel)
        span.set_attributes({attributes.ACTION: action.kind, attributes.INCIDENT: action.incident})
        for link in means.tracing.link_to(reply.trace):
            span.add_link(link.context)  # the delivery whose card was clicked
        means.log.info(
            "click", action=action.kind, incident=action.incident, actor=action.actor.open_id
        )
        return reply


def _action_id(app: CallbackApp, click: Click) -> str:
    """Return the same id for the same click, however often it arrives."""
    text = f"{app.channel.name}\0{click.event_id}".encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _replay_key(app: CallbackApp, replay: Replay) -> str:
    text = "\0".join((app.channel.name, *replay)).encode()
    return f"callback:{hashlib.blake2b(text, digest_size=16).hexdigest()}"


def _refused_outcome(reason: RefusalReason) -> str:
    if reason.forged:
        return "forged"
    return "stale" if reason is RefusalReason.STALE else "malformed"


def _refusal() -> Response:
    """Return the one answer to all that is refused: it tells nothing."""
    return problem(403, "refused", "this request is not acceptable")


def _toast(shown: Toast) -> PlatformToast:
    return toast(ToastKind(shown.kind), shown.zh, shown.en)


def _said(body: bytes) -> Response:
    return Response(body, media_type="application/json")
