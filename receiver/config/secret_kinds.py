"""Secret values, given in the file or in a file of their own."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from receiver.config.document import Scalar
from receiver.config.kinds import Kind
from receiver.config.place import Place
from receiver.config.secret import Secret
from receiver.config.urls import calendar_url, hook_url

SUFFIX = "_file"
FILE_LIMIT = 64 << 10  # bytes
# What an HTTP header carries unchanged, and so what both sides can compare.
_TOKEN = re.compile(r"[!-~]+")


def _any(place: Place) -> str:
    text = place.text()
    if not text.strip():
        raise place.refuse("give it a value, or remove the key", "an empty text")
    return text


def _token(place: Place) -> str:
    text = _any(place)
    if not _TOKEN.fullmatch(text):
        raise place.refuse("write letters, digits and signs of ASCII, without spaces")
    return text


def _secret(read: Callable[[Place], str]) -> Kind[Secret]:
    def reader(place: Place) -> Secret:
        return Secret(read(replace(place, hidden=True)))

    return Kind("secret", reader, secret=True)


def from_file(kind: Kind[Secret], place: Place) -> Secret:
    """Read the secret from the file that is named here.

    Raises:
        Refused: the file cannot be read, or its content is no such secret.

    """
    name = place.text()
    try:
        raw = _content(place.notes.base / name)
    except (OSError, ValueError) as wrong:
        why = getattr(wrong, "strerror", None) or str(wrong)
        raise place.refuse(f"name a file that the service may read: {why}") from None
    if len(raw) > FILE_LIMIT:
        raise place.refuse(f"name a file of at most {FILE_LIMIT} bytes")
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise place.refuse("save the secret in the file as UTF-8 text") from None
    # A file's content is taken as it is: ${ in it is no variable.
    inside = Scalar(text.replace("${", "$${"), place.item.line)
    return kind.read(Place(inside, place.path, place.notes, hidden=True))


def _content(path: Path) -> bytes:
    if not path.exists():
        raise ValueError("it does not exist")
    if not path.is_file():  # reading a pipe or a device might never end
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        return file.read(FILE_LIMIT + 1)


SECRET = _secret(_any)
TOKEN = _secret(_token)
WEBHOOK_URL = _secret(hook_url)
CALENDAR_URL = _secret(calendar_url)
