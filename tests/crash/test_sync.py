"""The log is on the disk before the webhook is answered: the system calls say so."""

import asyncio
import contextlib
import os
from pathlib import Path

from tests.binaries import find
from tests.crash.bodies import Group
from tests.crash.stage import staged
from tests.crash.strace import frames, read_trace

WATCHED = "trace=fdatasync,fsync,pwrite64,pwritev,write,sendto,sendmsg,writev"
SYNCS = frozenset({"fdatasync", "fsync"})
PAGE = 4096


async def test_the_log_is_synced_before_the_answer(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    # -D: the receiver is our own child, and the tracer a grandchild.
    strace = [str(find("strace")), "-D", "-f", "-y", "-xx", "-s", str(2 * PAGE)]
    os.mkfifo(trace)
    reading = asyncio.create_task(asyncio.to_thread(trace.read_text, encoding="ascii"))
    try:
        async with staged(tmp_path) as stage:
            await stage.start(under=[*strace, "-e", WATCHED, "-o", str(trace)])
            group = Group(1, 1)
            stage.groups.append(group)
            assert await stage.post(group, group.body())
            await stage.settled()
            await stage.stop()
            stage.check()
    finally:
        with contextlib.suppress(OSError):  # the reader must not wait for a tracer that never came
            os.close(os.open(trace, os.O_WRONLY | os.O_NONBLOCK))
    calls = read_trace((await reading).splitlines())
    written = frames(calls)
    # The transaction of this body: from its first frame that holds the alert to its commit frame.
    first = next(number for number, frame in enumerate(written) if _holds(frame.data, group))
    commit = next(frame for frame in written[first:] if frame.ends_transaction)
    # The webhook is the first thing that this life is asked.
    answer = next(call for call in calls if call.data.startswith(b"HTTP/1.1 200"))
    last_write = commit.page.ended
    assert last_write < answer.begun, "the webhook was answered before its transaction was written"
    synced = [
        call
        for call in calls
        if call.name in SYNCS
        and call.file == commit.page.file
        and last_write < call.begun
        and call.ended < answer.begun
        and call.result == 0
    ]
    assert synced, "the webhook was answered before its transaction was on the disk"


def _holds(page: bytes, group: Group) -> bool:
    return group.marker(0).encode() in page


ZEROS = r"\x00" * 16
TRACE = rf"""
10 pwrite64(8</x/a.db-wal>, "\x00\x00\x00\x01\x00\x00\x00\x02{ZEROS}", 24, 32) = 24
10 pwrite64(8</x/a.db-wal>, "\x61\x62", 2, 56) = 2
10 fdatasync(8</x/a.db-wal> <unfinished ...>
11 write(9<socket:[1]>, "\x48\x54", 2) = 2
10 <... fdatasync resumed>) = 0
11 +++ exited with 0 +++
"""


def test_a_trace_tells_when_a_call_began_and_ended() -> None:
    calls = read_trace(TRACE.strip().splitlines())
    assert [(call.name, call.data[-2:], call.begun, call.ended, call.result) for call in calls] == [
        ("pwrite64", b"\0\0", 0, 0, 24),
        ("pwrite64", b"ab", 1, 1, 2),
        ("fdatasync", b"", 2, 4, 0),
        ("write", b"HT", 3, 3, 2),
    ]
    (frame,) = frames(calls)
    assert frame.ends_transaction
    assert frame.data == b"ab"
