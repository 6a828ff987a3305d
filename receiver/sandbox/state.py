"""The tenant: its people, apps, chats, group bots and messages, all in memory."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.hub import Hub
from receiver.sandbox.ids import Ids
from receiver.sandbox.knobs import Faults, Knobs
from receiver.sandbox.limits import Limits
from receiver.sandbox.lines import Lines

CALLS_KEPT = 20_000
# https://open.feishu.cn/document/server-docs/im-v1/message/create: one message in an hour
UUID_WINDOW_MS = 3_600_000


@dataclass(slots=True, kw_only=True)
class User:
    """A person. `open_id` is the one that the tenant's first app sees."""

    open_id: str
    union_id: str
    user_id: str
    name: str
    email: str = ""
    mobile: str = ""
    resigned: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A tenant access token and when it ends (Unix milliseconds)."""

    value: str
    expires_at: int


@dataclass(slots=True, kw_only=True)
class App:
    """A self-built app with its bot. `scopes` None means that it has them all."""

    app_id: str
    secret: str
    name: str
    bot_open_id: str
    encrypt_key: str = ""
    verification_token: str = ""
    callback_url: str = ""
    long_connection: bool = False
    enabled: bool = True
    scopes: frozenset[str] | None = None
    tokens: list[Token] = field(default_factory=list)

    @property
    def reachable(self) -> bool:
        """Whether the app told the platform how to call it."""
        return self.long_connection or bool(self.callback_url)


@dataclass(slots=True, kw_only=True)
class Chat:
    """A group, or the p2p chat of a bot and one person."""

    chat_id: str
    name: str
    kind: str = "group"
    members: list[str] = field(default_factory=list)
    apps: set[str] = field(default_factory=set)
    muted: bool = False
    dissolved: bool = False
    at_all: bool = True
    threads: bool = True
    urgent: bool = True  # whether the group's settings allow urgent messages
    external: bool = False
    message_ids: deque[str] = field(default_factory=deque)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buzz:
    """People who were called to a message: `kind` is app, sms or phone."""

    kind: str
    at: int
    people: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as it stands now. `content` is decoded, and as sent."""

    message_id: str
    chat_id: str
    sender_id: str
    sender_name: str
    sender_kind: str
    msg_type: str
    content: dict[str, Any]
    create_time: int
    update_time: int
    updates: int = 0
    root_id: str | None = None
    parent_id: str | None = None
    thread_id: str | None = None
    gone: str = ""
    clicks: int = 0
    mentions: list[dict[str, str]] = field(default_factory=list)
    buzzes: list[Buzz] = field(default_factory=list)
    folded: bool = False

    def as_json(self) -> dict[str, Any]:
        """Draw the message for the page."""
        return {
            "message_id": self.message_id,
            "chat_id": self.chat_id,
            "sender": {"name": self.sender_name, "kind": self.sender_kind},
            "msg_type": self.msg_type,
            "content": self.content,
            "create_time": self.create_time,
            "update_time": self.update_time,
            "updates": self.updates,
            "root_id": self.root_id,
            "parent_id": self.parent_id,
            "deleted": bool(self.gone),
            "locked": self.clicks > 0,
            "mentions": self.mentions,
            "buzzes": [
                {"kind": buzz.kind, "at": buzz.at, "people": list(buzz.people)}
                for buzz in self.buzzes
            ],
        }


@dataclass(slots=True, kw_only=True)
class Hook:
    """A group bot: a webhook into one chat."""

    token: str
    name: str
    chat_id: str
    secret: str = ""
    keywords: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class ClickToken:
    """The `c-` token of one click, for the update after its answer."""

    app_id: str
    message_id: str
    issued_at: int
    uses: int = 0
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that arrived, and how it was answered. `http` 0: it was not."""

    at: int
    app: str
    call: str
    chat_id: str
    http: int
    code: int
    ms: int

    def as_json(self) -> dict[str, Any]:
        """Draw the call for the page."""
        return {name: getattr(self, name) for name in self.__slots__}


class Tenant:
    """Everything the platform remembers."""

    def __init__(self, clock: VirtualClock, *, seed: str = "sandbox") -> None:
        self.clock = clock
        self.ids = Ids(seed)
        self.key = "2df73991750sandbox"
        self.knobs = Knobs()
        self.faults = Faults()
        self.limits = Limits()
        self.hub = Hub()
        self.lines = Lines()
        self.users: dict[str, User] = {}
        self.apps: dict[str, App] = {}
        self.chats: dict[str, Chat] = {}
        self.hooks: dict[str, Hook] = {}
        self.messages: dict[str, Message] = {}
        self.click_tokens: dict[str, ClickToken] = {}
        self.images: set[str] = set()
        self.templates: dict[str, dict[str, Any]] = {}
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.quota_used: dict[str, int] = {}
        self.urgent_used: dict[str, int] = {}
        self._unread: dict[str, int] = {}
        self._uuids: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()
        self._p2p: dict[tuple[str, str], str] = {}

    # People are known by one open_id to each app.

    def open_id(self, app_id: str, user: User) -> str:
        """Return the open_id by which this app knows the person."""
        if next(iter(self.apps), app_id) == app_id:
            return user.open_id
        return self.ids.named("ou_", app_id, user.union_id)

    def owner_of(self, open_id: str) -> tuple[str, User] | None:
        """Return the app that an open_id belongs to and the person, or None."""
        if user := self.users.get(open_id):
            return next(iter(self.apps), ""), user
        for app_id in self.apps:
            for user in self.users.values():
                if open_id == self.open_id(app_id, user):
                    return app_id, user
        return None

    def find_user(self, who: str) -> User | None:
        """Find a person by any of their ids or their e-mail address."""
        if user := self.users.get(who):
            return user
        for user in self.users.values():
            if who in (user.user_id, user.union_id) or (user.email and who == user.email):
                return user
        found = self.owner_of(who) if who.startswith("ou_") else None
        return found[1] if found else None

    def p2p(self, app: App, user: User) -> Chat:
        """Return the chat of an app's bot with one person."""
        key = (app.app_id, user.open_id)
        if key not in self._p2p:
            chat_id = self.ids.named("oc_", "p2p", *key)
            self.chats[chat_id] = Chat(
                chat_id=chat_id,
                name=f"{app.name} · {user.name}",
                kind="p2p",
                members=[user.open_id],
                apps={app.app_id},
            )
            self._p2p[key] = chat_id
            self.tell_chat(self.chats[chat_id])
        return self.chats[self._p2p[key]]

    def unread_buzzes(self, user: User) -> int:
        """Return how many urgent messages a person has not read."""
        return self._unread.get(user.open_id, 0)

    def buzzed(self, user: User, times: int = 1) -> None:
        """Count an urgent message that a person has not read; a negative number reads some."""
        self._unread[user.open_id] = self.unread_buzzes(user) + times

    # Messages.

    def remembered(self, app_id: str, uuid: str) -> Message | None:
        """Return the message that this uuid made within the last hour."""
        now = self.clock.now()
        while self._uuids and next(iter(self._uuids.values()))[0] + UUID_WINDOW_MS <= now:
            self._uuids.popitem(last=False)
        known = self._uuids.get((app_id, uuid))
        return self.messages.get(known[1]) if known else None

    def remember(self, app_id: str, uuid: str, message: Message) -> None:
        """Keep the uuid of a message for an hour."""
        self._uuids[(app_id, uuid)] = (self.clock.now(), message.message_id)

    def post(self, message: Message) -> None:
        """Put a message into its chat, and let the oldest go when the chat is full."""
        chat = self.chats[message.chat_id]
        self.messages[message.message_id] = message
        chat.message_ids.append(message.message_id)
        cap = self.knobs.messages_per_chat
        while cap is not None and len(chat.message_ids) > cap:
            self.messages.pop(chat.message_ids.popleft(), None)
        self.tell(message)

    def messages_of(self, chat: Chat) -> Iterable[Message]:
        """List a chat's messages, oldest first."""
        return [self.messages[key] for key in chat.message_ids if key in self.messages]

    # Telling the pages.

    def tell(self, message: Message) -> None:
        """Show a message that is new or has changed."""
        if self.hub.watched:
            self.hub.publish({"type": "message", "message": message.as_json()})

    def tell_chat(self, chat: Chat) -> None:
        """Show a chat that is new or has changed."""
        if self.hub.watched:
            self.hub.publish({"type": "chat", "chat": self.chat_json(chat, messages=False)})

    def log(self, call: Call) -> None:
        """Remember a call."""
        self.calls.append(call)
        if self.hub.watched:
            self.hub.publish({"type": "call", "call": call.as_json()})

    def chat_json(self, chat: Chat, *, messages: bool = True) -> dict[str, Any]:
        """Draw a chat for the page."""
        names = [(who, self.users[who].name) for who in chat.members if who in self.users]
        shown = self.messages_of(chat) if messages else []
        return {
            "chat_id": chat.chat_id,
            "name": chat.name,
            "kind": chat.kind,
            "members": [{"open_id": who, "name": name} for who, name in names],
            "messages": [message.as_json() for message in shown],
        }
