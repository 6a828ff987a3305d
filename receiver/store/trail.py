"""The audit in the SQLite engine: what people did, and what belongs to no incident."""

import contextlib
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from receiver.domain.incident import Line
from receiver.store import schema
from receiver.store import statements as sql
from receiver.store.base import Deed, Deeds, Entry, Unusable
from receiver.store.file import check, open_reader
from receiver.store.rows import keep_lines
from receiver.store.sound import unusable

Connection = sqlite3.Connection

AT_ONCE = 1_000  # lines read in one snapshot: a longer one would keep the log from being folded


def note(db: Connection, line: Line, now: int) -> None:
    """Append a line that belongs to no incident."""
    keep_lines(db, 0, (line,), now, "")


def deeds(db: Connection, wanted: Deeds, after: int, most: int) -> list[Deed]:
    """Return what people did, the oldest first."""
    values = (after, wanted.since, wanted.until, wanted.incident, wanted.kind, most)
    return [
        Deed(number, incident, Entry(*entry))
        for number, incident, *entry in db.execute(sql.AUDIT, values)
    ]


def every_deed(path: Path, wanted: Deeds) -> Iterator[Deed]:
    """Read the audit of a file, while a receiver may be writing.

    Raises:
        Unusable: the file cannot be read.

    """
    if not path.exists():
        raise Unusable(f"store.url: {path} does not exist: no receiver has kept anything there")
    check(path)
    try:
        with contextlib.closing(open_reader(path)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] < schema.VERSION:
                raise Unusable(f"store.url: {path} is of an older version: start the receiver once")
            read, after = partial(deeds, db, wanted, most=AT_ONCE), 0
            while found := read(after):
                yield from found
                after = found[-1].id
    except sqlite3.Error as problem:
        raise unusable(path, problem) from problem
