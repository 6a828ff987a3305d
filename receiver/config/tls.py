"""Files of certificates: named in the configuration, and tried when it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from receiver.alertmanager.tls import BadTls, Tls, context_of
from receiver.config.kinds import Kind
from receiver.config.place import Place


def _file(place: Place) -> Path:
    return place.notes.base / place.text()


def check_tls(values: Mapping[str, Any], place: Place) -> None:
    """Note the file that makes no connection."""
    try:
        context_of(Tls(**values))
    except BadTls as wrong:
        place.note_at(wrong.key, wrong.cure, wrong.seen)


FILE = Kind("file", _file)
