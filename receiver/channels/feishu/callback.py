"""Checks and reads the platform's HTTP callbacks; pure, and total on arbitrary bytes.

https://open.feishu.cn/document/event-subscription-guide/event-subscriptions/event-subscription-configure-/choose-a-subscription-mode/send-notifications-to-developers-server
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from receiver.channels.feishu.content import UNREADABLE
from receiver.channels.feishu.message import EVENT as MESSAGE_EVENT
from receiver.channels.feishu.message import Message, read_message
from receiver.channels.feishu.seal import decrypt, old_signature, same, signature

BODY_LIMIT = 1024 * 1024  # bytes; the documented bodies stay below 10 KB
# The platform names no window. Hosts' clocks differ, and the replay key covers what this allows.
FRESH = 3_600  # seconds
CLICK_EVENT = "card.action.trigger"

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class RefusalReason(StrEnum):
    """Why a callback is refused; the sender is told none of these."""

    TOO_LARGE = "too_large"
    UNSIGNED = "unsigned"
    SIGNATURE = "signature"
    STALE = "stale"
    UNDECRYPTABLE = "undecryptable"
    TOKEN = "token"  # noqa: S105  (a reason, no password)
    MALFORMED = "malformed"
    OLD_CALLBACK = "old_callback"  # card.action.trigger_v1: authentic, but of another age

    @property
    def forged(self) -> bool:
        """Whether the sender could not prove who it is."""
        return self in _FORGED


_FORGED = frozenset(
    {
        RefusalReason.UNSIGNED,
        RefusalReason.SIGNATURE,
        RefusalReason.UNDECRYPTABLE,
        RefusalReason.TOKEN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """An app's callback secrets; where both are empty, every callback is refused."""

    encrypt_key: str = field(default="", repr=False)
    verification_token: str = field(default="", repr=False)


class Replay(NamedTuple):
    """What a signed request is known by: to be accepted once within ``FRESH``."""

    timestamp: str
    nonce: str
    signature: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not to be acted upon."""

    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class Challenge:
    """The console asks whether this address is ours: answer with the same text."""

    text: str


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """A person used a component of a card; times are Unix milliseconds, 0 where unreadable."""

    event_id: str
    app_id: str
    tenant: str
    open_id: str
    union_id: str = ""
    user_id: str = ""
    token: str = ""  # c-…: updates the card twice within 30 minutes
    message_id: str = ""
    chat_id: str = ""
    created_at: int = 0
    tag: str = ""
    name: str = ""
    value: dict[str, Any] = {}
    form_value: dict[str, str | bool | list[str]] = {}
    option: str = ""
    options: tuple[str, ...] = ()
    input_value: str = ""
    checked: bool | None = None
    timezone: str = ""

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"Click({self.event_id!r}, message={self.message_id!r}, by={self.open_id!r})"


@dataclass(frozen=True, slots=True)
class Event:
    """Any other event, known by its id."""

    event_type: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Surely the platform's; ``replay`` is None where there was no signature."""

    said: Challenge | Click | Message | Event
    replay: Replay | None = None


class _Header(msgspec.Struct):
    event_id: str
    event_type: str
    token: str | None = None
    create_time: str | int | None = None
    tenant_key: str | None = None
    app_id: str | None = None


class _OldEvent(msgspec.Struct):
    type: str | None = None


class _Envelope(msgspec.Struct):
    encrypt: str | None = None
    type: str | None = None
    challenge: str | None = None
    token: str | None = None
    header: _Header | None = None
    uuid: str | None = None
    event: msgspec.Raw = msgspec.Raw(b"null")


class _Operator(msgspec.Struct):
    open_id: str
    union_id: str | None = None
    user_id: str | None = None
    tenant_key: str | None = None


class _Action(msgspec.Struct):
    tag: str | None = None
    name: str | None = None
    value: Any = None
    form_value: dict[str, Any] | None = None
    option: str | None = None
    options: list[str] | None = None
    input_value: str | None = None
    checked: bool | None = None
    timezone: str | None = None


class _Context(msgspec.Struct):
    open_message_id: str | None = None
    open_chat_id: str | None = None


class _ClickEvent(msgspec.Struct):
    operator: _Operator
    action: _Action
    token: str | None = None
    context: _Context | None = None


class _Stop(Exception):
    """Ends a check with the reason to refuse; it never leaves this module."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason)
        self.reason = reason


_envelope = msgspec.json.Decoder(_Envelope).decode
_click_event = msgspec.json.Decoder(_ClickEvent).decode
_old_event = msgspec.json.Decoder(_OldEvent | None).decode


def verify(headers: Mapping[str, str], body: bytes, keys: Keys, now: int) -> Verified | Refused:
    """Check a request and read it; ``now`` is Unix milliseconds. Never raises.

    With an encrypt key the signature over the raw body comes first, then its age, the decryption
    and the verification token; without one, the token alone must be right. Only the console's
    challenge comes unsigned.
    """
    try:
        return _verify(headers, body, keys, now)
    except _Stop as stop:
        return Refused(stop.reason)
    except UNREADABLE:
        return Refused(RefusalReason.MALFORMED)


def _verify(headers: Mapping[str, str], body: bytes, keys: Keys, now: int) -> Verified:
    if len(body) > BODY_LIMIT:
        raise _Stop(RefusalReason.TOO_LARGE)
    shown = _shown(headers)
    if not keys.encrypt_key:
        _refuse_old(shown, body, keys)
        return Verified(_read(_envelope(body), keys))
    if shown is None:
        return Verified(_unsigned_challenge(body, keys))
    if not same(shown.signature, signature(*shown[:2], keys.encrypt_key, body)):
        _refuse_old(shown, body, keys)
        raise _Stop(RefusalReason.SIGNATURE)
    _check_age(shown.timestamp, now)
    return Verified(_read(_opened(body, keys), keys), shown)


def hear(payload: bytes) -> Verified | Refused:
    """Read what came over the app's own long connection, which proves who sent it. Never raises.

    It is the same document as a callback's, plain: no signature, no key, and no token to check.
    """
    try:
        said = _envelope(payload)
        if said.encrypt is not None or len(payload) > BODY_LIMIT:
            return Refused(RefusalReason.MALFORMED)
        return Verified(_said(said))
    except _Stop as stop:
        return Refused(stop.reason)
    except UNREADABLE:
        return Refused(RefusalReason.MALFORMED)


def _shown(headers: Mapping[str, str]) -> Replay | None:
    """Return what the headers claim; None where there is no signature at all."""
    found = {name.lower(): value for name, value in headers.items()}
    if "x-lark-signature" not in found:
        return None
    return Replay(
        found.get("x-lark-request-timestamp", ""),
        found.get("x-lark-request-nonce", ""),
        found["x-lark-signature"],
    )


def _refuse_old(shown: Replay | None, body: bytes, keys: Keys) -> None:
    if shown is None or not keys.verification_token:
        return
    if same(shown.signature, old_signature(*shown[:2], keys.verification_token, body)):
        raise _Stop(RefusalReason.OLD_CALLBACK)


def _check_age(timestamp: str, now: int) -> None:
    if not _SECONDS.fullmatch(timestamp) or abs(now - int(timestamp) * 1_000) > FRESH * 1_000:
        raise _Stop(RefusalReason.STALE)


def _unsigned_challenge(body: bytes, keys: Keys) -> Challenge:
    # Every failure looks the same, so that nobody learns about paddings from the answers.
    try:
        said = _read(_opened(body, keys), keys)
    except (_Stop, *UNREADABLE):
        raise _Stop(RefusalReason.UNSIGNED) from None
    if not isinstance(said, Challenge):
        raise _Stop(RefusalReason.UNSIGNED)
    return said


def _opened(body: bytes, keys: Keys) -> _Envelope:
    """Read a body, decrypted where it is encrypted."""
    outer = _envelope(body)
    if outer.encrypt is None:
        return outer
    try:
        plain = decrypt(keys.encrypt_key, outer.encrypt)
    except ValueError:
        raise _Stop(RefusalReason.UNDECRYPTABLE) from None
    return _envelope(plain)


def _read(said: _Envelope, keys: Keys) -> Challenge | Click | Message | Event:
    if said.encrypt is not None:
        # Encrypted without our having a key, or twice: what to do stands in the console.
        raise _Stop(RefusalReason.UNDECRYPTABLE)
    header = said.header
    _check_token(header.token if header is not None else said.token, keys)
    return _said(said)


def _said(said: _Envelope) -> Challenge | Click | Message | Event:
    header = said.header
    if said.type == "url_verification":
        return Challenge(said.challenge or "")
    if header is not None:
        if header.event_type == CLICK_EVENT:
            return _click(header, _click_event(said.event))
        if header.event_type == MESSAGE_EVENT:
            return read_message(said.event)
        return Event(header.event_type, header.event_id)
    if said.uuid:
        old = _old_event(said.event)
        return Event((old and old.type) or "", said.uuid)
    raise _Stop(RefusalReason.MALFORMED)


def _check_token(token: str | None, keys: Keys) -> None:
    if not keys.verification_token and keys.encrypt_key:
        return  # the signature has proved it
    if not keys.verification_token or not same(token or "", keys.verification_token):
        raise _Stop(RefusalReason.TOKEN)


def _click(header: _Header, event: _ClickEvent) -> Click:
    action, operator = event.action, event.operator
    context = event.context or _Context()
    return Click(
        event_id=header.event_id,
        app_id=header.app_id or "",
        tenant=operator.tenant_key or header.tenant_key or "",
        open_id=operator.open_id,
        union_id=operator.union_id or "",
        user_id=operator.user_id or "",
        token=event.token or "",
        message_id=context.open_message_id or "",
        chat_id=context.open_chat_id or "",
        created_at=_milliseconds(header.create_time),
        tag=action.tag or "",
        name=action.name or "",
        value=_value(action.value),
        form_value=_form_value(action.form_value or {}),
        option=action.option or "",
        options=tuple(action.options or ()),
        input_value=action.input_value or "",
        checked=action.checked,
        timezone=action.timezone or "",
    )


def _value(value: Any) -> dict[str, Any]:
    """Return a component's value; cards of other makers may hold a text, or JSON as text."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (*UNREADABLE, UnicodeEncodeError):
            return {}
    return value if isinstance(value, dict) else {}


def _form_value(fields: Mapping[str, Any]) -> dict[str, str | bool | list[str]]:
    """Keep the kinds of values that forms are documented to send."""
    kept: dict[str, str | bool | list[str]] = {}
    for name, value in fields.items():
        if isinstance(value, str | bool):
            kept[name] = value
        elif isinstance(value, list):
            kept[name] = [item for item in value if isinstance(item, str)]
    return kept


# Unix times of our age: seconds have 10 digits, milliseconds 13, microseconds 16.
_MICROSECONDS = 10**14
_MILLISECONDS = 10**11


def _milliseconds(time: str | int | None) -> int:
    """Return a time as Unix milliseconds: callbacks send microseconds, events milliseconds."""
    text = str(time)
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        return 0
    number = int(text)
    if number >= _MICROSECONDS:
        return number // 1_000
    return number if number >= _MILLISECONDS else number * 1_000
