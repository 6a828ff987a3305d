"""A Feishu or Lark app bot: sends cards, changes them, answers to them, and knows people.

https://open.feishu.cn/document/server-docs/im-v1/message/create
"""

from collections.abc import Collection, Sequence
from typing import Annotated
from urllib.parse import quote

import msgspec

from receiver.channels.base import Channel, Edits, Limit, Metered, Quota, Urged, Urges, View
from receiver.channels.feishu.api import Api
from receiver.channels.feishu.attempt import Ports
from receiver.channels.feishu.card import render_app, render_reply
from receiver.channels.feishu.content import CARD, UNREADABLE, read_content
from receiver.channels.feishu.http import MAX_CONNECTIONS
from receiver.channels.feishu.identity import Identity
from receiver.channels.feishu.names import Names
from receiver.channels.feishu.people import People
from receiver.channels.feishu.token import Account, ObserveToken
from receiver.channels.feishu.urgent import APIS, urge
from receiver.domain.card import (
    Call,
    Rung,
)
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason, Retry, RetryReason

KIND = "feishu_app"
MESSAGES = "/open-apis/im/v1/messages"
CREATE = ("POST", MESSAGES)
PATCH = ("PATCH", f"{MESSAGES}/:message_id")
REPLY = ("POST", f"{MESSAGES}/:message_id/reply")

# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN: per API, app and tenant
APP_PER_SECOND = 50
APP_PER_MINUTE = 1_000
# https://open.feishu.cn/document/server-docs/im-v1/message/create: all bots of a chat share it
CHAT_PER_SECOND = 5
# https://open.feishu.cn/document/server-docs/im-v1/message-card/patch
MESSAGE_PER_SECOND = 5
# Of the sixteen connections, two are left for tokens and names.
CONNECTIONS = MAX_CONNECTIONS - 2
SECOND = 1_000
MINUTE = 60_000


FREE_OF_QUOTA = Quota("default")


class _Sent(msgspec.Struct):
    message_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,128}\Z")]


class _SentBody(msgspec.Struct):
    data: _Sent


_sent = msgspec.json.Decoder(_SentBody).decode


class FeishuApp(Channel, Edits, Urges, Metered):
    """One app bot; ``observe_token`` is told (app, success, end in Unix ms) at each fetch.

    ``quota`` is the tenant's, which its apps share.

    Raises:
        BadAddress: at construction, when ``base_url`` is no http or https URL.

    """

    def __init__(
        self,
        account: Account,
        ports: Ports,
        observe_token: ObserveToken,
        *,
        quota: Quota = FREE_OF_QUOTA,
    ) -> None:
        self._account = account
        self._quota = quota
        self._api = Api(account, ports, observe_token)
        self._people = People(self._api, ports)
        self._names = Names(self._api, ports)
        self._identity = Identity(self._api)

    def __repr__(self) -> str:
        return f"FeishuApp({self.name!r})"

    @property
    def name(self) -> str:
        """The configured name, as in ``targets``."""
        return self._account.name

    @property
    def kind(self) -> str:
        """The kind of channel, as in metrics."""
        return KIND

    @property
    def quota(self) -> Quota:
        """The tenant's quota, which messages count against, but no tokens and no names."""
        return self._quota

    def limits(self, call: Call, address: str, message_id: str) -> tuple[Limit, ...]:
        """Return the app's windows of this API, and the chat's or the message's."""
        api = Call.CREATE if call is Call.POST else call
        key = f"app:{self._account.app_id}:{api}"
        app = (
            Limit(key, APP_PER_SECOND, SECOND, "app_second"),
            Limit(key, APP_PER_MINUTE, MINUTE, "app_minute"),
            # What would wait for a connection waits here instead, where critical cards go first.
            Limit(f"connections:{self.name}", CONNECTIONS, 0, "connections"),
        )
        if call in APIS:  # counted per app and API alone
            return app
        if call is Call.PATCH:
            one = Limit(f"message:{message_id}", MESSAGE_PER_SECOND, SECOND, "message")
        else:
            one = Limit(f"chat:{address}", CHAT_PER_SECOND, SECOND, "chat")
        return (*app, one)

    async def people(self, mention: Sequence[str]) -> tuple[str, ...]:
        """Resolve mentions to open_ids, or ``all``; unknown ones are logged and dropped."""
        return await self._people.resolve(mention)

    async def learn_people(self, emails: Collection[str]) -> None:
        """Look addresses up in the directory, where that was not done lately."""
        await self._people.learn(emails)

    def known_person(self, email: str) -> str | None:
        """Return the open_id behind an address, empty where nobody has it, None while unknown."""
        return self._people.known(email)

    async def bot_id(self) -> str | None:
        """Return the open_id of the app's own bot, or None while it cannot be asked for."""
        return await self._identity.open_id()

    def known_name(self, open_id: str) -> str:
        """Return a person's name if it is known already, else an empty text; at once."""
        return self._names.known(open_id)

    async def name_of(self, open_id: str, chat_id: str) -> str:
        """Return the name of a chat's member, looked up where needed; empty if not found."""
        return await self._names.find(open_id, chat_id)

    def prefetch(self, chat_id: str) -> None:
        """Learn the names of a chat's members in the background."""
        self._names.prefetch(chat_id)

    def render(self, view: View, rung: Rung) -> str:
        """Return the content to send, as text that can be stored and sent again unchanged."""
        return render_app(view, rung)

    def render_reply(self, view: View) -> str:
        """Return the short reply that calls people back to the card."""
        return render_reply(view)

    async def send(self, address: str, content: str, uuid: str) -> Outcome:
        """Send a message to a chat; the receipt is its id."""
        drawn = read_content(content)
        if drawn is None:
            return _UNDRAWN
        body = {
            "receive_id": address,
            "msg_type": drawn.msg_type,
            "content": drawn.text,
            "uuid": uuid,
        }
        query = {"receive_id_type": "chat_id"}
        result = await self._api.call(CREATE, MESSAGES, call=Call.CREATE, query=query, body=body)
        return _receipt(result.outcome, result.body)

    async def patch(self, message_id: str, content: str) -> Outcome:
        """Replace a card's content."""
        drawn = read_content(content)
        if drawn is None or drawn.msg_type != CARD:
            return _UNDRAWN
        path = f"{MESSAGES}/{quote(message_id, safe='')}"
        body = {"content": drawn.text}
        return (await self._api.call(PATCH, path, call=Call.PATCH, body=body)).outcome

    async def reply(self, message_id: str, content: str, uuid: str) -> Outcome:
        """Answer to a message, which brings it up again; the receipt is the reply's id."""
        drawn = read_content(content)
        if drawn is None:
            return _UNDRAWN
        path = f"{MESSAGES}/{quote(message_id, safe='')}/reply"
        body = {"msg_type": drawn.msg_type, "content": drawn.text, "uuid": uuid}
        result = await self._api.call(REPLY, path, call=Call.REPLY, body=body)
        return _receipt(result.outcome, result.body)

    async def urge(self, message_id: str, call: Call, people: Sequence[str]) -> Urged:
        """Call people to a message of the app's own; never repeat it blindly."""
        return await urge(self._api, message_id, call, people)

    async def close(self) -> None:
        """End what runs in the background; the HTTP client stays its owner's."""
        await self._people.close()
        await self._names.close()
        await self._api.close()


_UNDRAWN = Rejected(RejectReason.REQUEST, "the content is no drawn message: please report this")


def _receipt(outcome: Outcome, body: bytes) -> Outcome:
    """Return the outcome with the message's id; a success without one is no answer at all."""
    if not isinstance(outcome, Delivered):
        return outcome
    try:
        return Delivered(_sent(body).data.message_id)
    except UNREADABLE:
        return Retry(RetryReason.SERVER_ERROR, detail="code 0 without a message_id")
