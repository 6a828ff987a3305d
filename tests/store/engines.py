"""The engines that the contract is held against, each with data that outlives its opening."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from receiver.store.base import Store
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import Commits


class Engine(Protocol):
    """Opens stores on the same data."""

    def open(self) -> Store:
        """Open the data; the one before must be closed."""


@dataclass(slots=True, kw_only=True)
class SqliteEngine:
    """SQLite on one file; ``clock`` is what the writer's patience is measured with."""

    path: Path
    patience: float = 60.0
    clock: float = 0.0
    failures: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)

    def open(self) -> SqliteStore:
        """Open the file."""
        return SqliteStore(
            self.path,
            patience=self.patience,
            timer=lambda: self.clock,
            commits=Commits(
                done=lambda _, jobs: self.groups.append(jobs), failed=self.failures.append
            ),
        )


ENGINES: dict[str, Callable[[Path], Engine]] = {
    "sqlite": lambda folder: SqliteEngine(path=folder / "receiver.db"),
}


def connection_of(store: SqliteStore) -> sqlite3.Connection:
    """Return the connection that writes: no caller may touch it, but a test must see it."""
    return store._connection  # noqa: SLF001


def rows_of(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Read a file as a stranger does, beside the store that has it open."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute(statement, values).fetchall()
    finally:
        db.close()
