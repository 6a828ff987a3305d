"""The sandbox from Python: what an administrator, and the people in the chats, can do."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import msgspec

from receiver.sandbox import clicks, knobs, messages, talk, tokens
from receiver.sandbox.callbacks import Courier
from receiver.sandbox.clicks import Clicked
from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.component import Click
from receiver.sandbox.content import CARD_KB, Audience, card_content
from receiver.sandbox.knobs import Fault, FaultKind, Knobs
from receiver.sandbox.state import App, Call, Chat, Hook, Message, Tenant, User
from receiver.sandbox.validate import count
from receiver.sandbox.walk import BadCard

T = TypeVar("T")
CALLS_SHOWN = 200
APP_SHOWN = ("app_id", "name", "bot_open_id", "callback_url", "long_connection")


class Unknown(LookupError):
    """Something was named that the tenant does not have."""


class Desk:
    """Creates, clicks, talks, recalls, turns knobs, and looks at what happened."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.courier = Courier(tenant)
        self._errands: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End what is still under way."""
        self.tenant.hub.close()
        for errand in list(self._errands):
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
        await self.courier.close()

    # What there is.

    @property
    def clock(self) -> VirtualClock:
        """The tenant's time."""
        return self.tenant.clock

    @property
    def knobs(self) -> Knobs:
        """The knobs, to be read and turned in place."""
        return self.tenant.knobs

    @property
    def users(self) -> dict[str, User]:
        """People by open_id."""
        return self.tenant.users

    @property
    def apps(self) -> dict[str, App]:
        """Apps by app_id."""
        return self.tenant.apps

    @property
    def chats(self) -> dict[str, Chat]:
        """Chats by chat_id."""
        return self.tenant.chats

    @property
    def hooks(self) -> dict[str, Hook]:
        """Group bots by token."""
        return self.tenant.hooks

    @property
    def calls(self) -> list[Call]:
        """Every call that arrived, oldest first."""
        return list(self.tenant.calls)

    def messages(self, chat_id: str) -> list[Message]:
        """List a chat's messages, oldest first."""
        return list(self.tenant.messages_of(self._chat(chat_id)))

    def _chat(self, chat_id: str) -> Chat:
        if chat_id not in self.tenant.chats:
            raise Unknown(f"no chat {chat_id!r}")
        return self.tenant.chats[chat_id]

    def _message(self, message_id: str) -> Message:
        if message_id not in self.tenant.messages:
            raise Unknown(f"no message {message_id!r}")
        return self.tenant.messages[message_id]

    def _app(self, app_id: str) -> App:
        if app_id not in self.tenant.apps:
            raise Unknown(f"no app {app_id!r}")
        return self.tenant.apps[app_id]

    # Creating.

    def add_user(self, name: str, email: str = "", *, open_id: str = "") -> User:
        """Create a person; the ids depend on the seed and the name unless given."""
        ids = self.tenant.ids
        user = User(
            open_id=open_id or ids.named("ou_", "user", name, email),
            union_id=ids.named("on_", "user", name, email),
            user_id=ids.named("", "user", name, email)[:8],
            name=name,
            email=email,
        )
        self.tenant.users[user.open_id] = user
        return user

    def add_app(self, name: str, **given: Any) -> App:
        """Create an app; `given` may set any other field of `App`, such as `encrypt_key`."""
        ids = self.tenant.ids
        defaults = {
            "app_id": ids.named("cli_", "app", name)[:20],
            "secret": ids.named("", "secret", name),
            "bot_open_id": ids.named("ou_", "bot", name),
            "verification_token": ids.named("", "verification", name),
        }
        app = App(name=name, **{**defaults, **given})
        self.tenant.apps[app.app_id] = app
        return app

    def add_chat(
        self,
        name: str,
        members: Iterable[str] | None = None,
        apps: Iterable[str] | None = None,
        *,
        chat_id: str = "",
    ) -> Chat:
        """Create a group; everybody and every app is in it unless said otherwise."""
        chat = Chat(
            chat_id=chat_id or self.tenant.ids.named("oc_", "chat", name),
            name=name,
            members=list(self.tenant.users if members is None else members),
            apps=set(self.tenant.apps if apps is None else apps),
        )
        self.tenant.chats[chat.chat_id] = chat
        self.tenant.tell_chat(chat)
        return chat

    def add_hook(self, chat_id: str, name: str = "告警机器人", **given: Any) -> Hook:
        """Create a group bot in a chat; `given` may set any other field of `Hook`."""
        self._chat(chat_id)
        token = given.pop("token", "") or self.tenant.ids.uuid()
        hook = Hook(token=token, name=name, chat_id=chat_id, **given)
        self.tenant.hooks[hook.token] = hook
        return hook

    async def set_callback_url(self, app_id: str, url: str) -> str | None:
        """Save an app's callback address if it answers the challenge; return what is wrong."""
        app = self._app(app_id)
        before, app.callback_url = app.callback_url, url
        error = await self.courier.verify(app)
        if error:
            app.callback_url = before
        return error

    def use_long_connection(self, app_id: str) -> str | None:
        """Save that an app is called by its long connection; return what is wrong.

        As in the console, it must be connected at that moment.
        """
        app = self._app(app_id)
        if not self.tenant.lines.of(app_id):
            return "the app is not online: connect it first"
        app.long_connection = True
        return None

    def cut_connections(self, app_id: str) -> int:
        """Cut an app's long connections as a broken network would; return how many."""
        return self.tenant.lines.kill(self._app(app_id).app_id)

    # Acting.

    async def click(self, message_id: str, open_id: str, pointer: str, **chosen: Any) -> Clicked:
        """Let a person click the component at a JSON pointer of the stored card.

        `chosen` is any of option, options, input_value, checked, form_value. Raises Impossible
        for what no client would allow.
        """
        click = Click(message_id=message_id, open_id=open_id, pointer=pointer, **chosen)
        return await clicks.perform(self.tenant, self.courier, click)

    def say(self, chat_id: str, open_id: str, text: str, *, reply_to: str = "") -> Message:
        """Let a person write in a chat; every app in there gets the event, retried if need be."""
        chat = self._chat(chat_id)
        if open_id not in self.tenant.users:
            raise Unknown(f"no user {open_id!r}")
        parent = self._message(reply_to) if reply_to else None
        message = talk.say(self.tenant, chat, self.tenant.users[open_id], text, parent)
        for app_id in sorted(chat.apps):
            app = self._app(app_id)
            event = talk.received(self.tenant, app, chat, message)
            for _ in range(self.knobs.event_copies if app.reachable else 0):
                self._send_off(self.courier.event(app, "im.message.receive_v1", event))
        return message

    def _send_off(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def private(self, app_id: str, open_id: str) -> Chat:
        """Open the chat of an app's bot with one person."""
        if open_id not in self.tenant.users:
            raise Unknown(f"no user {open_id!r}")
        return self.tenant.p2p(self._app(app_id), self.tenant.users[open_id])

    def recall(self, message_id: str, how: str = "recalled") -> None:
        """Take a message away; `how` is `recalled` or `deleted`."""
        messages.take_away(self.tenant, self._message(message_id), how)

    def remove_bot(self, chat_id: str, app_id: str) -> None:
        """Throw an app's bot out of a chat: it then meets 230002."""
        self._chat(chat_id).apps.discard(app_id)

    def revoke_tokens(self, app_id: str) -> None:
        """End an app's tokens before their time: it then meets 99991663."""
        tokens.revoke(self._app(app_id))

    def turn(self, **changes: Any) -> Knobs:
        """Turn knobs by name; raises BadKnob."""
        self.tenant.knobs = self.tenant.knobs.turned(changes)
        return self.tenant.knobs

    def fault(self, api: str, kind: str, **how: Any) -> Fault:
        """Let the next `times` calls of `api` go wrong; raises BadKnob."""
        made = knobs.fault({"api": api, "kind": FaultKind(kind), **how})
        self.tenant.faults.add(made)
        return made

    # Looking.

    def draw(self, card: object) -> dict[str, Any]:
        """Validate a card that somebody designs, against this tenant's people."""
        rules = self.knobs.rules()
        size = len(msgspec.json.encode(card))
        try:
            if size > CARD_KB * self.knobs.kilobyte:
                return {"ok": False, "code": 230025, "msg": f"{size} bytes are too many"}
            content = card_content(card, Audience(self.tenant))
        except BadCard as bad:
            return {"ok": False, "code": bad.code, "msg": bad.ext}
        return {"ok": True, "elements": count(content.document, rules)[0], "bytes": size}

    def snapshot(self) -> dict[str, Any]:
        """Draw everything for the page."""
        tenant = self.tenant
        return {
            "now": tenant.clock.now(),
            "chats": [tenant.chat_json(chat) for chat in tenant.chats.values()],
            "users": [
                {name: getattr(user, name) for name in ("open_id", "union_id", "name", "email")}
                for user in tenant.users.values()
            ],
            "apps": [
                {name: getattr(app, name) for name in APP_SHOWN} for app in tenant.apps.values()
            ],
            "hooks": [
                {"name": hook.name, "chat_id": hook.chat_id} for hook in tenant.hooks.values()
            ],
            "calls": [call.as_json() for call in list(tenant.calls)[-CALLS_SHOWN:]],
        }

    async def until(self, condition: Callable[[], T | None], limit_s: float = 10) -> T:
        """Wait until `condition` returns something true, asking again after each event.

        Raises TimeoutError after `limit_s` real seconds.
        """
        return await self.tenant.hub.until(condition, limit_s)
