"""A drawn message as it is stored: its kind, and the platform's own JSON untouched."""

import msgspec

CARD = "interactive"
POST = "post"

# What msgspec raises for bytes that are not the JSON it expects, nesting without end included.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Content(msgspec.Struct, frozen=True):
    """What ``render_app``, ``render_bot`` and ``render_reply`` return, read."""

    msg_type: str
    content: msgspec.Raw

    @property
    def text(self) -> str:
        """The inner object as JSON text."""
        return bytes(self.content).decode()


_decode = msgspec.json.Decoder(Content).decode


def read_content(text: str) -> Content | None:
    """Read a drawn message; None for a text that is none."""
    try:
        read = _decode(text)
        msgspec.json.decode(read.content, type=dict[str, msgspec.Raw])
    except (*UNREADABLE, UnicodeEncodeError):
        return None
    return read
