"""What a tester can turn: the points that the platform leaves undocumented, and faults."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec

from receiver.sandbox.errors import CATALOGUE
from receiver.sandbox.walk import BAD_PERSON, Rules

CHECKS = ("parse", "token", "size", "ip", "sign", "rate", "msg_type", "keyword", "card")


class BadKnob(ValueError):
    """A knob or fault that does not exist or cannot take this value."""


class Knobs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The undocumented points, each with the value that a careful client should expect first."""

    # What a second call with the same uuid gets: the first one's result, or 230049.
    uuid_duplicate: Literal["same_result", "230049"] = "same_result"
    # How many bytes the K of "30 KB" has.
    kilobyte: Literal[1000, 1024] = 1024
    # HTTP status of token errors, of delayed-update errors, and of bad tokens.
    token_endpoint_http: int = 400
    delayed_update_http: int = 400
    bad_token_http: int = 400
    # HTTP status of the group bot's refusals that nobody has captured, and their order.
    hook_http_9499: int = 400
    hook_http_19021: int = 200
    hook_http_19022: int = 200
    hook_http_19036: int = 200
    hook_size_code: Literal[19036, 9499] = 19036
    hook_order: tuple[str, ...] = CHECKS
    hook_legacy_extra: bool = False
    # Whether a group bot's messages use up the 5/s that the bots of a chat share.
    hook_counts_in_chat: bool = False
    # Whether calls refused by a limit count in the window that refused them.
    refused_calls_count: bool = False
    # Cards: properties the official examples still show, and ones nobody knows.
    legacy_properties: Literal["strict", "lenient"] = "strict"
    unknown_properties: Literal["strict", "lenient"] = "strict"
    string_callback_values: bool = False
    count_header_tags: bool = True
    count_option_tags: bool = True
    check_links: bool = True
    known_images_only: bool = False
    at_all_sub_code: int = BAD_PERSON
    # Clicks.
    callback_limit_ms: int = 3_000
    challenge_limit_ms: int = 1_000
    form_empty: Literal["omit", "blank"] = "omit"
    timezone: str = "Asia/Shanghai"
    timezone_offset: str = "+0800"
    timezone_everywhere: bool = False
    hook_click_code: int = 200340
    old_click_code: int = 300000
    # What a c- token does while its callback is still unanswered.
    early_update: Literal["revert", "300030"] = "revert"
    # Seconds by which the callback's timestamp header differs from the time.
    callback_skew_s: int = 0
    event_copies: int = 1
    # The long connection: what clicks are called there, where messages are cut (0: nowhere), and
    # what clients are told to do, in seconds.
    ws_click_type: Literal["event", "card"] = "event"
    ws_fragment_bytes: int = 0
    ws_pong: Literal["answer", "drop"] = "answer"
    ws_ping_interval_s: int = 120
    ws_reconnect_count: int = -1
    ws_reconnect_interval_s: int = 120
    ws_reconnect_nonce_s: int = 30
    # The tenant.
    monthly_quota: int | None = None
    # How many people may be called by SMS and by phone; None is any number.
    urgent_sms_quota: int | None = None
    urgent_phone_quota: int | None = None
    latency_ms: int = 0
    sensitive_words: tuple[str, ...] = ()
    dlp_words: tuple[str, ...] = ()
    messages_per_chat: int | None = None

    def turned(self, changes: Mapping[str, Any]) -> "Knobs":
        """Return these knobs with some of them turned; raises BadKnob, naming the bad one."""
        merged = {**msgspec.to_builtins(self), **changes}
        try:
            knobs = msgspec.convert(merged, Knobs)
        except msgspec.ValidationError as error:
            raise BadKnob(str(error)) from None
        if sorted(knobs.hook_order) != sorted(CHECKS):
            raise BadKnob(f"hook_order: must be an order of {', '.join(CHECKS)}")
        return knobs

    def rules(self) -> Rules:
        """Say how strictly cards are validated."""
        return Rules(
            legacy_properties=self.legacy_properties == "lenient",
            unknown_properties=self.unknown_properties == "lenient",
            string_values=self.string_callback_values,
            count_header=self.count_header_tags,
            count_options=self.count_option_tags,
            check_links=self.check_links,
            at_all_code=self.at_all_sub_code,
        )


class FaultKind(StrEnum):
    """What goes wrong."""

    CODE = "code"  # a body with an error code
    LATENCY = "latency"  # the answer comes late
    HANG = "hang"  # the answer never comes
    RESET = "reset"  # the connection is reset
    HTML = "html"  # a gateway's HTML page, HTTP 502
    JSON = "json"  # HTTP 500 with a JSON body
    TOO_MANY = "too_many"  # 9499 "too many request", HTTP 400


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong in the next `times` calls of `api` (`*` is any).

    With `after` the call does its work first and only the answer is lost: the ambiguous success.
    """

    api: str = "*"
    kind: FaultKind
    times: int = 1
    after: bool = False
    code: int = 0
    msg: str = ""
    http: int = 0
    ms: int = 0

    @property
    def status(self) -> int:
        """The HTTP status that this fault answers with."""
        default = {FaultKind.HTML: 502, FaultKind.JSON: 500, FaultKind.TOO_MANY: 400}
        return self.http or default.get(self.kind) or CATALOGUE.get(self.code, (400, ""))[0]

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body that this fault answers with."""
        code = {FaultKind.JSON: 2200, FaultKind.TOO_MANY: 9499}.get(self.kind, self.code)
        default = {2200: "internal error"}.get(code) or CATALOGUE.get(code, (0, "failed"))[1]
        return {"code": code, "msg": self.msg or default, "data": {}}


class Faults:
    """The faults still to happen, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let this fault happen after those added before; raises BadKnob if it cannot."""
        if fault.times < 1:
            raise BadKnob("times: must be 1 or more")
        if fault.kind is FaultKind.CODE and not fault.code:
            raise BadKnob("code: a fault of kind 'code' needs one")
        self._waiting.append(fault)

    def take(self, api: str) -> Fault | None:
        """Return the fault that this call meets, counting it."""
        for fault in self._waiting:
            if fault.api in ("*", api):
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Forget all faults."""
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._waiting)


def fault(document: object) -> Fault:
    """Read a fault from JSON; raises BadKnob, naming what is wrong."""
    try:
        return msgspec.convert(document, Fault)
    except msgspec.ValidationError as error:
        raise BadKnob(str(error)) from None
