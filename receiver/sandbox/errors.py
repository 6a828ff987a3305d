"""The platform's error codes with their HTTP status and message, and the refusal that carries one.

https://open.feishu.cn/document/server-docs/getting-started/server-error-codes
"""

from collections.abc import Mapping

BAD_REQUEST = 400
TOO_MANY_REQUESTS = 429

# code -> (HTTP status, message)
CATALOGUE: Mapping[int, tuple[int, str]] = {
    9499: (400, "too many request"),
    10002: (400, "card param error"),
    10003: (400, "invalid param"),
    10014: (400, "app unauthorized"),
    10015: (400, "app secret invalid"),
    11232: (200, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]"),
    11233: (200, "create message chat trigger rate limit"),
    11246: (200, "ErrCode: 300000; ErrMsg: Service Internal Error; "),
    11247: (200, "internal send message trigger rate limit"),
    11311: (400, "card format error"),
    19001: (200, "param invalid: incoming webhook access token invalid"),
    19002: (200, "params error, msg_type need"),
    19021: (200, "sign match fail or timestamp is not within one hour from current time"),
    19022: (200, "Ip Not Allowed"),
    19024: (200, "Key Words Not Found"),
    19036: (200, "The message exceeds the size limit of 30KB"),
    20002: (400, "app_id or app_secret mismatch"),
    100000: (400, "card is too large"),
    100030: (400, "card json format error"),
    200000: (400, "message has been recalled"),
    200310: (400, "card is sent by another app"),
    300020: (400, "token format error"),
    300030: (400, "token expired"),
    300040: (400, "token has been used up"),
    230001: (400, "Your request contains an invalid request parameter."),
    230002: (400, "The bot can not be outside the group."),
    230006: (400, "Bot ability is not activated."),
    230009: (400, "This message is too old to recall."),
    230011: (400, "The message is recalled."),
    230012: (400, "Bot is NOT the sender of the message."),
    230013: (400, "Bot has NO availability to this user."),
    230018: (400, "This operation is not allowed at current group settings."),
    230020: (400, "This operation triggers the frequency limit."),
    230023: (400, "The user has too many unread urgent messages."),
    230024: (400, "Reach the upper limit of urgent message."),
    230022: (400, "The content of the message contains sensitive information."),
    230025: (400, "The length of the message content reaches its limit."),
    230026: (400, "No permission to recall this message."),
    230027: (400, "Lack of necessary permissions."),
    230028: (400, "The messages do NOT pass the audit."),
    230029: (400, "User has resigned."),
    230031: (400, "The message can only be modified within 14 days of sending."),
    230034: (400, "The receive_id is invalid."),
    230035: (400, "Send Message Permission deny."),
    230049: (400, "The message is being sent."),
    230052: (400, "Can not urgent this message."),
    230054: (400, "This operation is not supported for this message type."),
    230055: (400, "The type of upload does not match the message type."),
    230071: (400, "The group does not support replying in thread."),
    230098: (400, "This message is fold, not support urgent."),
    230110: (400, "The message has been deleted."),
    232001: (400, "Your request contains an invalid request parameter."),
    232006: (400, "Your request specifies a chat_id which is invalid."),
    232009: (400, "Your request specifies a chat which has already been dissolved."),
    232011: (400, "Operator can NOT be out of the chat."),
    99991201: (404, "resource not find"),
    99991400: (429, "request trigger frequency limit"),
    99991403: (429, "This month's API call quota has been exceeded"),
    99991661: (400, "Need a token"),
    99991662: (400, "app not in use"),
    99991663: (
        400,
        "Invalid access token for authorization. Please make a request with token attached",
    ),
    99991671: (400, "Invalid token: must start with t-/u-"),
    99991672: (400, "Access denied. One of the following scopes is required: []"),
    99992351: (400, "open_id not existed"),
    99992354: (400, "message_id not existed"),
    99992356: (400, "chat id not existed"),
    99992360: (400, "user_id not existed"),
    99992361: (400, "open_id cross app"),
    99992363: (400, "union_id not existed"),
    99992402: (400, "field validation failed"),
}


class Refused(Exception):
    """The platform says no: `code` and `msg` in the body, `http` on the wire."""

    def __init__(
        self, code: int, msg: str = "", *, http: int = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code, msg)
        self.code = code
        self.msg = msg
        self.http = http
        self.headers = headers or {}

    @property
    def text(self) -> str:
        """The message, or the catalogue's own one."""
        return self.msg or CATALOGUE.get(self.code, (BAD_REQUEST, "failed"))[1]

    @property
    def status(self) -> int:
        """The HTTP status, or the catalogue's own one."""
        return self.http or CATALOGUE.get(self.code, (BAD_REQUEST, ""))[0]


def explained(code: int, ext: str) -> Refused:
    """Refuse with the catalogue's message and the platform's `ext=` detail behind it."""
    return Refused(code, f"{CATALOGUE[code][1].rstrip('.')}, ext={ext}")
