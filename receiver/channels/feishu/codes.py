"""The platform's error codes as data, and what one answer means.

https://open.feishu.cn/document/server-docs/getting-started/server-error-code (general)
https://open.feishu.cn/document/server-docs/im-v1/message/create (messages)
https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (group bots)
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from receiver.domain.card import Call
from receiver.domain.outcome import (
    Delivered,
    Outcome,
    Rejected,
    RejectReason,
    Retry,
    RetryReason,
)
from receiver.telemetry.redaction import redact_text

DETAIL_LIMIT = 300  # characters
LOCKED_FOR = 1_000  # ms; a click is being answered, which takes 3 s at most
PAUSE = 1_000  # ms, where the platform asks to slow down and does not say for how long
IN_FLIGHT_FOR = 500  # ms
# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN: windows last a minute at most
RESET_HEADER = "x-ogw-ratelimit-reset"
RESET_LIMIT = 300  # seconds; more would be a mistake, and no reason to fall silent

Reason = RetryReason | RejectReason


class Meaning(NamedTuple):
    """What a code makes of a call, and what an operator can do about it."""

    reason: Reason
    cure: str = ""
    after: int = 0


# What a code does to the call that it answers. Short names keep the tables readable.
_RATE = RetryReason.RATE_LIMITED
_SERVER = RetryReason.SERVER_ERROR
_TOKEN = RetryReason.TOKEN
_CONTENT = RejectReason.CONTENT
_LARGE = RejectReason.TOO_LARGE
_MENTION = RejectReason.MENTION
_SENSITIVE = RejectReason.SENSITIVE
_GONE = RejectReason.GONE
_TARGET = RejectReason.TARGET
_CREDENTIALS = RejectReason.CREDENTIALS
_REQUEST = RejectReason.REQUEST

_SLOW_DOWN = Meaning(_RATE, "the platform asks to slow down", PAUSE)
# The limit of one chat, message or bot: no pause of the app's, and nobody says for how long.
_LESS_OFTEN = Meaning(_RATE, "the platform asks to slow down")
_INTERNAL = Meaning(_SERVER, "the platform's own trouble")
_NEW_TOKEN = Meaning(_TOKEN, "a new access token is fetched")
_OUR_MISTAKE = Meaning(_REQUEST, "the request is malformed: please report this")
_OTHER_CALL = Meaning(_REQUEST, "answers a kind of call that is never made: please report this")
_PLAINER = Meaning(_CONTENT, "a plainer message is tried")
_SMALLER = Meaning(_LARGE, "a smaller message is tried")
_NO_MENTION = Meaning(_MENTION, "sent without mentions; correct the route's mention list")
_REDACT = Meaning(_SENSITIVE, "an audit refuses the text: keep such words out of annotations")
_REPLACE = Meaning(_GONE, "a new message is sent")
_BOT_AND_CHAT = "check that the chat exists and the bot is in it"
_SCOPES = "grant the app its permissions and publish a version of it"
_SECRETS = "check app_id, app_secret and base_url"

# Answers of the group bot's webhook; most come with HTTP 200.
HOOK_CODES: Mapping[int, Meaning] = {
    1500: _INTERNAL,
    2200: _INTERNAL,
    10002: _PLAINER,
    10101: _INTERNAL,
    10105: _INTERNAL,
    10500: _INTERNAL,
    11218: Meaning(_TARGET, "the group has too many bots: remove one"),
    11232: _LESS_OFTEN,
    11233: _LESS_OFTEN,
    11247: _LESS_OFTEN,
    19001: Meaning(_TARGET, "the webhook is gone: add the bot anew and set its webhook_url"),
    19002: _OUR_MISTAKE,
    19003: _OUR_MISTAKE,
    19004: _OUR_MISTAKE,
    19021: Meaning(_CREDENTIALS, "check the group bot's secret and this host's clock"),
    19022: Meaning(_TARGET, "allow this host's address in the group bot's security settings"),
    19024: Meaning(_TARGET, "no keyword matches: use a signature instead of keywords"),
    19036: _SMALLER,
}

# Answers of the access token, of any API, and of its gateway.
GENERAL_CODES: Mapping[int, Meaning] = {
    10003: Meaning(_CREDENTIALS, _SECRETS),
    10014: Meaning(_CREDENTIALS, "the app is disabled: enable it in the console"),
    10015: Meaning(_CREDENTIALS, "check app_secret"),
    20002: Meaning(_CREDENTIALS, "app_id and app_secret are of different apps"),
    300000: _INTERNAL,
    99991201: Meaning(_TARGET, "no such path: check base_url"),
    99991400: _SLOW_DOWN,
    99991401: Meaning(_CREDENTIALS, "allow this host's address in the app's security settings"),
    99991403: Meaning(
        RejectReason.QUOTA, "the month's calls are used up: buy more, or use a group bot"
    ),
    99991661: _NEW_TOKEN,
    99991662: Meaning(_CREDENTIALS, "the app is not in use: enable it in the console"),
    99991663: _NEW_TOKEN,
    99991664: _NEW_TOKEN,
    99991665: _NEW_TOKEN,
    99991668: _NEW_TOKEN,
    99991671: Meaning(_CREDENTIALS, _SECRETS),
    99991672: Meaning(_TARGET, _SCOPES),
    99991673: Meaning(_CREDENTIALS, "the app is not authorised: install it for the tenant"),
    99991677: _NEW_TOKEN,
    99991679: Meaning(_TARGET, _SCOPES),
    99992351: _NO_MENTION,
    99992354: _REPLACE,
    99992356: Meaning(_TARGET, "no such chat: check the target's chat id"),
    99992360: _NO_MENTION,
    # Our calls carry no one's open_id but those of mentions.
    99992361: Meaning(_MENTION, "open_ids differ per app: mention by e-mail, or by this app's id"),
    99992363: _NO_MENTION,
    99992402: _OUR_MISTAKE,
}

# Answers of the messages' APIs.
MESSAGE_CODES: Mapping[int, Meaning] = {
    230001: Meaning(_REQUEST, "a parameter is refused; a plainer message is tried"),
    230002: Meaning(_TARGET, "add the bot to the chat"),
    230006: Meaning(_TARGET, "switch on the app's bot ability and publish a version of it"),
    230009: _OTHER_CALL,
    230011: _REPLACE,
    230012: Meaning(_GONE, "the message is another app's: a new one is sent"),
    230013: Meaning(_TARGET, "the person is outside the app's availability: widen it"),
    230015: _OTHER_CALL,
    230017: _OTHER_CALL,
    230018: Meaning(_TARGET, "the group's settings forbid it: let the bot speak"),
    230019: Meaning(_GONE, "the topic is gone: a new message is sent"),
    230020: _LESS_OFTEN,
    230022: _REDACT,
    230023: Meaning(_TARGET, "the person has too many unread urgent messages"),
    230024: Meaning(RejectReason.QUOTA, "the quota of urgent messages is used up"),
    230025: _SMALLER,
    230026: _OTHER_CALL,
    230027: Meaning(_TARGET, _SCOPES),
    230028: _REDACT,
    230029: Meaning(_TARGET, "the person has left: correct the target"),
    230031: Meaning(RejectReason.TOO_OLD, "a new message is sent"),
    230033: _OTHER_CALL,
    230034: Meaning(_TARGET, "no such receiver: check the target's chat id"),
    230035: Meaning(_TARGET, "the bot may not speak in this chat: let it"),
    230036: Meaning(_TARGET, "the tenant's encryption key is deleted: ask its administrator"),
    230038: Meaning(_TARGET, "the chat is of another tenant"),
    230049: Meaning(RetryReason.IN_FLIGHT, "the same message is being sent", IN_FLIGHT_FOR),
    230050: Meaning(_GONE, "the bot cannot see the message: a new one is sent"),
    230052: Meaning(_TARGET, "the group's settings forbid urgent messages"),
    230053: Meaning(_TARGET, "the person has stopped the bot"),
    230054: _PLAINER,
    230055: _OTHER_CALL,
    230071: _OTHER_CALL,
    230072: Meaning(_GONE, "the message cannot be answered: a new one is sent"),
    230075: Meaning(_TARGET, "encrypted chats admit no bots: use another chat"),
    230098: Meaning(_TARGET, "the card is folded: unfold it, or let the chat show it whole"),
    230110: _REPLACE,
    230111: Meaning(_GONE, "the message destroys itself: a new one is sent"),
}

# Answers of the chats' APIs.
CHAT_CODES: Mapping[int, Meaning] = {
    232001: _OUR_MISTAKE,
    232004: Meaning(_CREDENTIALS, _SECRETS),
    232006: Meaning(_TARGET, "no such chat: check the target's chat id"),
    232009: Meaning(_TARGET, "the chat is dissolved: correct the target"),
    232010: Meaning(_TARGET, "the chat is of another tenant"),
    232011: Meaning(_TARGET, "add the bot to the chat"),
    232025: Meaning(_TARGET, "switch on the app's bot ability and publish a version of it"),
    232033: Meaning(_TARGET, "external chats need an app that may enter them"),
    232034: Meaning(_CREDENTIALS, "install the app for the tenant"),
}

CODES: Mapping[int, Meaning] = {**HOOK_CODES, **GENERAL_CODES, **MESSAGE_CODES, **CHAT_CODES}

# One code for permanent and passing trouble: only the message tells which.
GATEWAY = 9499
# A card is refused: what is wrong with it is a second code inside the message.
HOOK_CARD = 11246
CARD = 230099
CARD_CODES: Mapping[int, Meaning] = {
    10002: _PLAINER,
    11310: _PLAINER,
    11311: _PLAINER,
    100290: _NO_MENTION,
    200380: _PLAINER,
    200381: _PLAINER,
    200410: _PLAINER,
    200550: _PLAINER,
    200570: _PLAINER,
    200621: _PLAINER,
    200732: _PLAINER,
    200737: _PLAINER,
    200830: _PLAINER,
    200860: _SMALLER,
    200861: _PLAINER,
    200914: _PLAINER,
    200915: _PLAINER,
    300000: _INTERNAL,
    300220: _PLAINER,
    300230: _PLAINER,
    300240: _PLAINER,
    300301: _PLAINER,
    300305: _SMALLER,
}
_CARD_WORDS: tuple[tuple[re.Pattern[str], Meaning], ...] = (
    (
        re.compile("card action is lock", re.IGNORECASE),
        Meaning(RetryReason.CARD_LOCKED, "a click is being answered", LOCKED_FOR),
    ),
    (re.compile("service internal error", re.IGNORECASE), _INTERNAL),
    (re.compile("exceeds the limit|over limit", re.IGNORECASE), _SMALLER),
    # Which code a forbidden @all has is documented nowhere.
    (re.compile("(?:@|at[ _]|mention[ _])all", re.IGNORECASE), _NO_MENTION),
)
_SUB_CODE = re.compile(r"ErrCode:\s*(\d{1,10})(?!\d)", re.ASCII)
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\s]+")

# A send has no message that could be gone: the request itself must be wrong.
_NEW_MESSAGE = (Call.CREATE, Call.POST)
_ABOUT_OLD = (RejectReason.GONE, RejectReason.TOO_OLD)

_OK = 200
_MULTIPLE_CHOICES = 300
_NOT_FOUND = 404
_TOO_LARGE = 413
_TOO_MANY = 429
_SERVER_ERRORS = 500


def classify(
    code: int | None, msg: str, http_status: int, headers: Mapping[str, str], call: Call | None
) -> Outcome:
    """Say what one answer means; total.

    Args:
        code: the body's ``code``, or ``StatusCode``; None for a body that is not the platform's.
        msg: the body's ``msg``.
        http_status: the HTTP status, which decides only where the code does not.
        headers: the answer's headers; names in any case.
        call: the kind of call; None for one that sends and edits nothing.

    """
    if code == 0 and _OK <= http_status < _MULTIPLE_CHOICES:
        return Delivered()
    meaning = _meaning(code, msg, http_status)
    if meaning.reason in _ABOUT_OLD and call in _NEW_MESSAGE:
        meaning = _OUR_MISTAKE
    detail = _detail(code, msg, http_status, meaning.cure)
    if isinstance(meaning.reason, RejectReason):
        return Rejected(meaning.reason, detail)
    after = meaning.after
    if meaning.reason is RetryReason.RATE_LIMITED:
        after = _reset(headers) or after
    return Retry(meaning.reason, after, detail)


def shorten(text: str) -> str:
    """Return foreign text as one line of bounded length, without secrets or controls."""
    line = redact_text(_CONTROLS.sub(" ", text[: 8 * DETAIL_LIMIT]).strip())
    return line if len(line) <= DETAIL_LIMIT else line[: DETAIL_LIMIT - 1] + "…"


def _meaning(code: int | None, msg: str, http_status: int) -> Meaning:
    if code is None or code == 0:
        return _without_code(http_status)
    if code == GATEWAY:
        return _gateway(msg)
    if code in (HOOK_CARD, CARD):
        return _card(msg)
    return CODES.get(code) or _unknown(http_status)


def _without_code(http_status: int) -> Meaning:
    """Judge a body that says nothing: a proxy's page, or a success in a failed answer."""
    if http_status == _NOT_FOUND:
        return Meaning(_TARGET, "nothing answers there: check base_url or webhook_url")
    if http_status == _TOO_LARGE:
        return _SMALLER
    if http_status == _TOO_MANY:
        return _SLOW_DOWN
    return Meaning(_SERVER, "no answer of the platform: is there a proxy in between?")


def _unknown(http_status: int) -> Meaning:
    if http_status == _TOO_MANY:
        return _SLOW_DOWN
    if http_status >= _SERVER_ERRORS:
        return _INTERNAL
    return Meaning(RetryReason.UNKNOWN_CODE, "a code that no document explains: please report it")


def _gateway(msg: str) -> Meaning:
    said = msg.lower()
    if "too many" in said:
        return _LESS_OFTEN
    return _PLAINER if "content" in said else _OUR_MISTAKE


def _card(msg: str) -> Meaning:
    found = _SUB_CODE.search(msg)
    known = CARD_CODES.get(int(found[1])) if found else None
    if known is not None and known is not _PLAINER:
        return known
    for words, meaning in _CARD_WORDS:
        if words.search(msg):
            return meaning
    return _PLAINER


def _reset(headers: Mapping[str, str]) -> int:
    """Return how many milliseconds the platform asks to wait; 0 where it does not say."""
    for name, value in headers.items():
        if name.lower() == RESET_HEADER and _DIGITS.fullmatch(value.strip()):
            return min(int(value), RESET_LIMIT) * 1_000
    return 0


def _detail(code: int | None, msg: str, http_status: int, cure: str) -> str:
    name = f"HTTP {http_status}" if code is None or code == 0 else f"code {code}"
    said = shorten(msg)
    return ": ".join(part for part in (f"{name} {said}".strip(), cure) if part)
