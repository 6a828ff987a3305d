"""A click from finger to card: built from the stored card, called back, judged, applied.

https://open.feishu.cn/document/feishu-cards/card-callback-communication
"""

from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from receiver.sandbox.callbacks import BAD_BODY, Answered, Courier, header
from receiver.sandbox.component import PICKERS, Click, Impossible, Target, chosen, point, submitted
from receiver.sandbox.content import CARD_KB, Audience, Content, card_content
from receiver.sandbox.delayed import TOKEN_LIFE_MS
from receiver.sandbox.messages import EDITABLE_MS, is_second, replace_card
from receiver.sandbox.state import App, ClickToken, Message, Tenant, User
from receiver.sandbox.walk import DOWNGRADE, BadCard

BAD_CARD = 200673
TOASTS = frozenset({"info", "success", "warning", "error"})
TOKENS_KEPT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicked:
    """What the person who clicked sees. `code` is 0 or the client's error code."""

    code: int = 0
    http: int | None = None
    latency_ms: int = 0
    toast: dict[str, Any] | None = None
    card_replaced: bool = False
    error: str | None = None
    blocked: bool = False
    open_url: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Draw the outcome for the page."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Scene:
    app: App
    user: User
    message: Message
    target: Target


async def perform(tenant: Tenant, courier: Courier, click: Click) -> Clicked:
    """Let somebody click, and return what they see; raises Impossible."""
    message, user = _found(tenant, click)
    target = point(message.content, click.pointer)
    link = target.behavior("open_url")
    open_url = (link.get("default_url") or link.get("pc_url") or None) if link else None
    if not target.calls_back:
        return Clicked(open_url=open_url)
    app = tenant.apps.get(message.sender_id)
    if app is None:
        error = "a group bot's card calls nobody back"
        return Clicked(code=tenant.knobs.hook_click_code, error=error, open_url=open_url)
    if tenant.clock.now() - message.create_time > EDITABLE_MS:
        return Clicked(code=tenant.knobs.old_click_code, error="the card is older than 14 days")
    scene = _Scene(app, user, message, target)
    action, missing = _action(tenant, scene, click)
    if missing:
        return Clicked(error=f"required fields are empty: {', '.join(missing)}", blocked=True)
    clicked = await _called(tenant, courier, scene, action)
    return _with(clicked, open_url=open_url)


def _found(tenant: Tenant, click: Click) -> tuple[Message, User]:
    message = tenant.messages.get(click.message_id)
    if message is None or message.msg_type != "interactive":
        raise Impossible(f"message {click.message_id!r} is no card of this tenant")
    user = tenant.users.get(click.open_id)
    if user is None or click.open_id not in tenant.chats[message.chat_id].members:
        raise Impossible(f"{click.open_id!r} is not in the chat and cannot see the card")
    if message.gone:
        raise Impossible("the message is gone")
    return message, user


def _action(tenant: Tenant, scene: _Scene, click: Click) -> tuple[dict[str, Any], list[str]]:
    target, knobs = scene.target, tenant.knobs
    action: dict[str, Any] = {"tag": target.tag}
    callback = target.behavior("callback") or {}
    if "value" in callback:
        action["value"] = callback["value"]
    if target.item.get("name"):
        action["name"] = target.item["name"]
    if knobs.timezone_everywhere or target.tag in PICKERS:
        action["timezone"] = knobs.timezone
    members = {
        open_id: tenant.open_id(scene.app.app_id, tenant.users[open_id])
        for open_id in tenant.chats[scene.message.chat_id].members
    }
    if not target.submits:
        return action | chosen(target, click, members, knobs), []
    values, missing = submitted(target, click, members, knobs)
    return action | {"form_value": values}, missing


async def _called(
    tenant: Tenant, courier: Courier, scene: _Scene, action: dict[str, Any]
) -> Clicked:
    message = scene.message
    value, token = _token(tenant, scene)
    document = callback_body(tenant, scene.app, scene.user, message)
    document["event"] |= {"token": value, "action": action}
    message.clicks += 1
    tenant.tell(message)
    try:
        answered = await courier.post(scene.app, document, tenant.knobs.callback_limit_ms)
        clicked = _judged(tenant, scene, answered)
        token.answered = answered.code == 0
    finally:
        message.clicks -= 1
        tenant.tell(message)
    if clicked.toast:
        tenant.hub.publish(
            {
                "type": "toast",
                "open_id": scene.user.open_id,
                "chat_id": message.chat_id,
                "toast": clicked.toast,
            }
        )
    return clicked


def _token(tenant: Tenant, scene: _Scene) -> tuple[str, ClickToken]:
    now = tenant.clock.now()
    if len(tenant.click_tokens) > TOKENS_KEPT:
        tenant.click_tokens = {
            value: token
            for value, token in tenant.click_tokens.items()
            if now - token.issued_at <= TOKEN_LIFE_MS
        }
    value = tenant.ids.mint("c-")
    token = ClickToken(app_id=scene.app.app_id, message_id=scene.message.message_id, issued_at=now)
    tenant.click_tokens[value] = token
    return value, token


def callback_body(tenant: Tenant, app: App, user: User, message: Message) -> dict[str, Any]:
    """Return a `card.action.trigger` without its action and update token."""
    return {
        "schema": "2.0",
        "header": header(tenant, app, "card.action.trigger", 1000),
        "event": {
            "operator": {
                "tenant_key": tenant.key,
                "user_id": user.user_id,
                "open_id": tenant.open_id(app.app_id, user),
                "union_id": user.union_id,
            },
            "host": "im_message",
            "context": {
                "open_message_id": message.message_id,
                "open_chat_id": message.chat_id,
            },
        },
    }


def _judged(tenant: Tenant, scene: _Scene, answered: Answered) -> Clicked:
    seen = Clicked(
        code=answered.code, http=answered.http, latency_ms=answered.ms, error=answered.error
    )
    if answered.code:
        return seen
    try:
        document = msgspec.json.decode(answered.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = None
    toast = document.get("toast") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not (toast is None or _is_toast(toast)):
        return _failed(seen, BAD_BODY, "the body is no JSON object with a proper toast")
    if document.get("card") is None:
        return _with(seen, toast=toast)
    return _carded(tenant, scene, seen, document)


def _carded(tenant: Tenant, scene: _Scene, seen: Clicked, document: dict[str, Any]) -> Clicked:
    try:
        content = _new_card(tenant, scene, document["card"])
    except BadCard as bad:
        return _failed(seen, BAD_CARD, bad.ext)
    if is_second(scene.message) and content.schema != "2.0":
        return _failed(seen, DOWNGRADE, "cards of schema V2 cannot be updated to V1")
    replaced = not scene.message.gone
    if replaced:
        replace_card(tenant, scene.message, content)
    return _with(seen, toast=document.get("toast"), card_replaced=replaced)


def _new_card(tenant: Tenant, scene: _Scene, wrapped: object) -> Content:
    kind = wrapped.get("type") if isinstance(wrapped, dict) else None
    if not isinstance(wrapped, dict) or kind not in ("raw", "template"):
        raise BadCard(BAD_CARD, "card.type must be raw or template", value=kind)
    card = wrapped.get("data") if kind == "raw" else wrapped
    if not isinstance(card, dict):
        raise BadCard(BAD_CARD, "card.data must be an object")
    if len(msgspec.json.encode(card)) > CARD_KB * tenant.knobs.kilobyte:
        raise BadCard(BAD_CARD, "the card is too large")
    chat = tenant.chats[scene.message.chat_id]
    return card_content(card, Audience(tenant, chat, scene.app))


def _is_toast(toast: object) -> bool:
    if not isinstance(toast, dict):
        return False
    content, languages = toast.get("content"), toast.get("i18n")
    spoken = isinstance(content, str) or (isinstance(languages, dict) and bool(languages))
    return spoken and toast.get("type", "info") in TOASTS


def _failed(seen: Clicked, code: int, error: str) -> Clicked:
    return _with(seen, code=code, error=error)


def _with(seen: Clicked, **changes: Any) -> Clicked:
    return Clicked(**{**asdict(seen), **changes})
