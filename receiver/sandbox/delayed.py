"""The update after a click's answer, by its `c-` token.

https://open.feishu.cn/document/server-docs/im-v1/message-card/delay-update-message-card
"""

from typing import Any

import msgspec

from receiver.sandbox.content import CARD_KB, Audience, card_content
from receiver.sandbox.errors import Refused
from receiver.sandbox.gateway import Ask
from receiver.sandbox.messages import is_second, replace_card
from receiver.sandbox.state import ClickToken, Message
from receiver.sandbox.walk import BadCard

TOKEN_LIFE_MS = 1_800_000
TOKEN_USES = 2


def update(ask: Ask) -> dict[str, Any]:
    """Answer `POST /open-apis/interactive/v1/card/update`."""
    try:
        return _update(ask)
    except Refused as refused:
        http = ask.tenant.knobs.delayed_update_http
        raise Refused(refused.code, refused.msg, http=http) from None


def _update(ask: Ask) -> dict[str, Any]:
    try:
        document = ask.document()
    except Refused:
        raise Refused(100030) from None
    token, message = _spend(ask, document.get("token"))
    card = document.get("card")
    if not isinstance(card, dict):
        raise Refused(10002)
    chat = ask.tenant.chats[message.chat_id]
    if len(msgspec.json.encode(card)) > CARD_KB * ask.tenant.knobs.kilobyte:
        raise Refused(230025)
    try:
        content = card_content(card, Audience(ask.tenant, chat, ask.caller))
    except BadCard as bad:
        raise Refused(11311, f"card format error, {bad.ext}") from None
    if is_second(message) and content.schema != "2.0":
        raise Refused(200830, "cards of schema V2 cannot be updated to V1")
    token.uses += 1
    if token.answered:
        replace_card(ask.tenant, message, content)
    return {"code": 0, "msg": "ok"}


def _spend(ask: Ask, value: object) -> tuple[ClickToken, Message]:
    token = ask.tenant.click_tokens.get(value) if isinstance(value, str) else None
    if token is None:
        raise Refused(300020)
    message = ask.tenant.messages.get(token.message_id)
    if token.app_id != ask.caller.app_id:
        raise Refused(200310)
    if ask.now - token.issued_at > TOKEN_LIFE_MS:
        raise Refused(300030)
    if token.uses >= TOKEN_USES:
        raise Refused(300040)
    if message is None or message.gone:
        raise Refused(200000)
    ask.chat_id = message.chat_id
    if not token.answered and ask.tenant.knobs.early_update == "300030":
        raise Refused(300030)
    return token, message
