"""What people ask the bot for: kept once, done once, forgotten when nobody repeats it any more."""

import sqlite3
from collections.abc import Sequence

from receiver.store import statements as sql
from receiver.store.base import Asked, Snapshot
from receiver.store.deliveries import keep_call
from receiver.store.rows import load_snapshot

# The platform pushes an event for 8 hours at the most: https://open.feishu.cn/document/server-docs/event-subscription-guide/overview
REMEMBERED = 2 * 24 * 3_600_000
WAITING_MOST = 1_000


def keep(db: sqlite3.Connection, asked: Asked) -> bool | None:
    """Keep a command unless it is known; False where it is, None where too many wait."""
    db.execute(sql.DROP_COMMANDS, (asked.at - REMEMBERED,))
    if db.execute(sql.COMMAND_KNOWN, (asked.id,)).fetchone() is not None:
        return False
    if db.execute(sql.COMMANDS_OPEN_COUNT).fetchone()[0] >= WAITING_MOST:
        return None
    db.execute(sql.INSERT_COMMAND, asked)
    return True


def waiting(db: sqlite3.Connection) -> list[Asked]:
    """Return the commands that were not answered yet, the oldest first."""
    return [Asked(*row) for row in db.execute(sql.COMMANDS_OPEN)]


def finish(db: sqlite3.Connection, command: str, keys: Sequence[str], now: int) -> None:
    """Keep that a command was answered, by a call that counts against these keys."""
    db.execute(sql.COMMAND_DONE, (command, now))
    if keys:
        keep_call(db, keys, now)


def alive(db: sqlite3.Connection, most: int) -> list[Snapshot]:
    """Return the newest incidents that go on, with their alerts."""
    rows = db.execute(sql.ALIVE, (most,)).fetchall()
    found = (load_snapshot(db, number) for (number,) in rows)
    return [snapshot for snapshot in found if snapshot is not None]
