"""A store with as many ended incidents as wanted: real rows of a real run, copied."""

import asyncio
import itertools
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receiver.sandbox.server import Sandbox
from receiver.store.codec import group_digest
from tests.bench.bodies import group_key, post
from tests.bench.load import press
from tests.bench.service import service
from tests.bench.stand import OFF, chat_routes, labels, platform, until

TEMPLATES = 200
# Templates and copies have numbers of nine digits: one is put in place of the other as text.
FIRST_TEMPLATE = 900_000_000
FIRST_COPY = 100_000_000
DAY = 24 * 3_600_000
OLDEST = 20  # days ago: ended long enough to open anew, not long enough to be forgotten
PATIENCE = 60.0
CACHE_KIB = 1 << 20

Row = tuple[Any, ...]
_TIME = re.compile(rb"\b1[0-9]{12}\b")  # Unix milliseconds of these decades
_TIMES = range(1_600_000_000_000, 2_000_000_000_000)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with rows of incidents: where their number stands, and each template's rows."""

    name: str
    columns: tuple[str, ...]
    number: int
    rows: Sequence[Sequence[Row]]


async def templates(path: Path) -> None:
    """Let a receiver show some incidents and their ends, and leave its store at this path."""
    groups = range(FIRST_TEMPLATE, FIRST_TEMPLATE + TEMPLATES)
    async with (
        platform() as sandbox,
        service(
            path.parent,
            feishu=sandbox.platform_url,
            keys={"store": {"url": f"sqlite:///{path}"}, "routes": chat_routes(), **OFF},
        ) as running,
    ):
        for firing, call in ((True, "create"), (False, "patch")):
            requests = [post(one, firing=firing, labels=labels(one)) for one in groups]
            await press(running.port, iter(requests), 16)
            if not await until(lambda: _done(sandbox, call) >= TEMPLATES, PATIENCE):  # noqa: B023
                raise RuntimeError(f"only {_done(sandbox, call)} calls of {call}")


def _done(sandbox: Sandbox, name: str) -> int:
    return sum(call.call == name and not call.code for call in sandbox.state.calls)


def multiply(path: Path, total: int) -> None:
    """Put so many copies in place of the templates; nobody may be using the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA journal_mode = OFF")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.execute("PRAGMA temp_store = MEMORY")
        tables = [_table(db, name, column) for name, column in _tables(db)]
        indexes = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        db.execute("BEGIN")
        for name, _ in indexes:
            db.execute(f'DROP INDEX "{name}"')
        for table in tables:
            db.execute(f'DELETE FROM "{table.name}"')  # noqa: S608  (a name of the schema)
            if any(table.rows):
                db.executemany(_insert(table), _copies(table, total))
        for _, statement in indexes:
            db.execute(statement)
        db.execute("COMMIT")


def forget_after(path: Path, total: int) -> None:
    """Take away what was added to the copies since."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        for name, column in _tables(db):
            db.execute(f'DELETE FROM "{name}" WHERE "{column}" > ?', (total,))  # noqa: S608
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copies(total: int, most: int) -> list[int]:
    """Return some of the copies' groups, evenly spread over all of them."""
    return [FIRST_COPY + number for number in range(0, total, max(total // most, 1))][:most]


def _tables(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the tables with rows of incidents, and the column that says of which."""
    found = []
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = {row[1] for row in db.execute(f'PRAGMA table_info("{name}")')}
        if name == "incidents" or "incident" in columns:
            found.append((name, "id" if name == "incidents" else "incident"))
    return found


def _table(db: sqlite3.Connection, name: str, column: str) -> Table:
    described = db.execute(f'PRAGMA table_info("{name}")').fetchall()
    # A number of its own that nothing refers to is given anew.
    skipped = {"id"} if name != "incidents" and _numbered(described) else set[str]()
    columns = tuple(row[1] for row in described if row[1] not in skipped)
    listed = ", ".join(f'"{one}"' for one in columns)
    numbers = [row[0] for row in db.execute("SELECT id FROM incidents ORDER BY id")]
    select = f'SELECT {listed} FROM "{name}" WHERE "{column}" = ?'  # noqa: S608
    rows = [
        [_aged(row, DAY * (1 + index % OLDEST)) for row in db.execute(select, (number,))]
        for index, number in enumerate(numbers)
    ]
    return Table(name, columns, columns.index(column), rows)


def _numbered(described: Sequence[Row]) -> bool:
    return any(row[1] == "id" and row[2] == "INTEGER" and row[5] for row in described)


def _aged(row: Row, by: int) -> Row:
    return tuple(_earlier(value, by) for value in row)


def _earlier(value: object, by: int) -> object:
    if isinstance(value, int) and value in _TIMES:
        return value - by
    if isinstance(value, bytes):
        return _TIME.sub(lambda found: b"%d" % (int(found[0]) - by), value)
    return value


def _insert(table: Table) -> str:
    listed = ", ".join(f'"{one}"' for one in table.columns)
    marks = ", ".join("?" * len(table.columns))
    return f'INSERT INTO "{table.name}" ({listed}) VALUES ({marks})'  # noqa: S608


def _copies(table: Table, total: int) -> Iterator[Row]:
    """Return the rows of all copies, in the order of their incidents' numbers."""
    keyed = table.columns.index("key") if "key" in table.columns else None
    split = [_split(rows, FIRST_TEMPLATE + index) for index, rows in enumerate(table.rows)]
    place = table.number
    for number, (old, plain, named) in enumerate(itertools.islice(itertools.cycle(split), total)):
        for row in plain:
            yield (*row[:place], number + 1, *row[place + 1 :])
        group = FIRST_COPY + number
        new = b"%d" % group
        for row in named:
            values = [one.replace(old, new) if type(one) is bytes else one for one in row]
            values[place] = number + 1
            if keyed is not None:
                values[keyed] = group_digest("bench", "feishu", group_key(group))
            yield tuple(values)


def _split(rows: Sequence[Row], group: int) -> tuple[bytes, list[Row], list[Row]]:
    """Return a group's number as text, and its rows without and with it in them."""
    old = b"%d" % group
    named = [row for row in rows if any(type(one) is bytes and old in one for one in row)]
    return old, [row for row in rows if row not in named], named


async def build(folder: Path, totals: Sequence[int]) -> list[Path]:
    """Make a store for each of these numbers of incidents."""
    paths = [folder / f"{total}.db" for total in totals]
    with tempfile.TemporaryDirectory(dir=folder) as made:
        path = Path(made) / "receiver.db"
        await templates(path)
        for copy in paths:
            shutil.copyfile(path, copy)
    for path, total in zip(paths, totals, strict=True):
        await asyncio.to_thread(multiply, path, total)
    return paths
