"""Urgent notices on a message: in the app, by SMS, by phone.

https://open.feishu.cn/document/server-docs/im-v1/buzz-messages/urgent_app
"""

from collections.abc import Sequence
from types import MappingProxyType
from urllib.parse import quote

import msgspec

from receiver.channels.base import Urged
from receiver.channels.feishu.api import Api
from receiver.channels.feishu.content import UNREADABLE
from receiver.domain.card import Call
from receiver.domain.outcome import Delivered, Rejected, RejectReason

MESSAGES = "/open-apis/im/v1/messages"
PEOPLE_MOST = 200
APIS = MappingProxyType(
    {
        Call.URGENT_APP: "urgent_app",
        Call.URGENT_SMS: "urgent_sms",
        Call.URGENT_PHONE: "urgent_phone",
    }
)


class _Invalid(msgspec.Struct):
    invalid_user_id_list: list[str] | None = None


class _Body(msgspec.Struct):
    data: _Invalid


_body = msgspec.json.Decoder(_Body).decode


async def urge(api: Api, message_id: str, call: Call, people: Sequence[str]) -> Urged:
    """Call people, given by their open_ids, to a message of the app's own.

    The platform knows no key by which such a call is made once: never repeat it blindly.
    """
    ids = list(dict.fromkeys(people))[:PEOPLE_MOST]
    if not ids:
        return Urged(Rejected(RejectReason.REQUEST, "there is nobody to call"))
    name = APIS[call]
    path = f"{MESSAGES}/{quote(message_id, safe='')}/{name}"
    result = await api.call(
        ("PATCH", f"{MESSAGES}/:message_id/{name}"),
        path,
        call=call,
        query={"user_id_type": "open_id"},
        body={"user_id_list": ids},
    )
    if not isinstance(result.outcome, Delivered):
        return Urged(result.outcome)
    missed = tuple(each for each in ids if each in _invalid(result.body))
    if len(missed) == len(ids):
        return Urged(Rejected(RejectReason.TARGET, "none of them is in the chat: add them"))
    return Urged(result.outcome, missed)


def _invalid(body: bytes) -> frozenset[str]:
    """Return whom the platform could not call; an answer that does not say so called them all."""
    try:
        return frozenset(_body(body).data.invalid_user_id_list or ())
    except UNREADABLE:
        return frozenset()
