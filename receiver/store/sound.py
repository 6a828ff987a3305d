"""Is a store's file sound? Asked before SQLite opens it, which would hide part of the answer."""

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from receiver.store.base import Unusable
from receiver.store.writer import cause_and_cure

# A larger file is not read as a whole at a start: that takes seconds.
INSPECTED_MOST = 256 << 20

# https://sqlite.org/fileformat2.html#the_write_ahead_log
LOG_HEAD = 32
FRAME_HEAD = 24
PAGE = 4096  # what our files are made with
BIG_ENDIAN = 0x377F0683  # the magic number of a log whose sums are made of big-endian words
WORD = 0xFFFFFFFF

Sum = tuple[int, int]


class _Frame(NamedTuple):
    """A page in the log; ``summed`` is what its checksum covers."""

    commits: bool
    salts: bytes
    told: Sum
    summed: bytes


def unusable(path: Path, problem: sqlite3.Error) -> Unusable:
    """Say why a file cannot be opened, and what to do."""
    return Unusable(f"store.url: {path} cannot be opened: {cause_and_cure(problem)}")


def inspect_log(path: Path) -> None:
    """Look whether commits of an earlier run would be lost: SQLite ends a log at the first bad sum.

    Raises:
        Unusable: they would; the file and its log are as they were.

    """
    log = Path(f"{path}-wal")
    lost = lost_commits(log)
    if lost:
        raise Unusable(
            f"store.url: {log} is damaged: {lost} or more commits in it cannot be read, and what"
            f" they held was answered with 200; restore a backup of {path} with its -wal, or move"
            " the -wal away to go on with what the file holds without it"
        )


def inspect(db: sqlite3.Connection, path: Path) -> None:
    """Look whether a file is whole, if that is quick.

    Raises:
        Unusable: it is damaged.
        sqlite3.Error: it cannot even be read.

    """
    if path.stat().st_size > INSPECTED_MOST:
        return
    (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        problem = sqlite3.DatabaseError(said)
        problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise unusable(path, problem)


def lost_commits(log: Path) -> int:
    """Count the commits in a log that are unreadable though they were on the disk.

    A frame follows a commit only once that is on the disk, so a crash may cut off the last commit
    alone: it is not counted.
    """
    if not log.exists():
        return 0
    with log.open("rb") as file:
        head = file.read(LOG_HEAD)
        if len(head) < LOG_HEAD:
            return 0
        magic, _, size = struct.unpack(">3I", head[:12])
        order = ">" if magic == BIG_ENDIAN else "<"
        sums = _add(head[:24], order, (0, 0))
        sound = sums == struct.unpack(">2I", head[24:])
        salts = head[16:24] if sound else b""
        size = size if sound else PAGE
        lost = 0
        for frame in _frames(iter(lambda: file.read(FRAME_HEAD + size), b""), FRAME_HEAD + size):
            salts = salts or frame.salts
            ours = frame.salts == salts  # else the rest of an older log, or damaged
            if sound and ours:
                sums = _add(frame.summed, order, sums)
            sound = sound and ours and sums == frame.told
            lost += ours and not sound and frame.commits
    return max(lost - 1, 0)


def _frames(pieces: Iterator[bytes], size: int) -> Iterator[_Frame]:
    for piece in pieces:
        if len(piece) < size:
            return
        (pages,) = struct.unpack(">I", piece[4:8])  # the file's size, at a commit alone
        told = struct.unpack(">2I", piece[16:FRAME_HEAD])
        yield _Frame(pages > 0, piece[8:16], told, piece[:8] + piece[FRAME_HEAD:])


def _add(data: bytes, order: str, sums: Sum) -> Sum:
    """Go on with a log's checksum: https://sqlite.org/fileformat2.html#checksum_algorithm."""
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    first, second = sums
    for even, odd in zip(words, words, strict=True):
        first = (first + even + second) & WORD
        second = (second + odd + first) & WORD
    return first, second
