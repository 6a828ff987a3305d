"""The lanes of delivery, and the one order in which their cards are served."""

import heapq
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from receiver.store.base import Due, Queue

NEVER = 1 << 62


@dataclass(slots=True, eq=False)
class Lane:
    """One queue: its most urgent cards, as read, and those that are being worked on."""

    queue: Queue
    look_at: int = 0
    stale: bool = True  # what was read may not be the newest
    page: deque[Due] = field(default_factory=deque)
    more: bool = False  # more may wait behind the page
    turn: int = 0  # when it was served last, by a running number
    busy: set[int] = field(default_factory=set)

    @property
    def idle(self) -> bool:
        """Whether nothing is known to be done about it."""
        return self.look_at == NEVER and not self.busy

    def rouse(self, at: int) -> None:
        """Read it again, at that time at the latest."""
        self.look_at, self.stale = min(self.look_at, at), True

    def rest(self, until: int) -> None:
        """Leave what waits behind the page alone until then."""
        self.more = False
        self.rouse(until)

    def fill(self, dues: Sequence[Due], most: int) -> None:
        """Take in what was read."""
        self.page = deque(due for due in dues if due.card not in self.busy)
        self.more, self.stale = len(dues) == most, False


class Urgency(NamedTuple):
    """What is served first; what a digest has shown already is served at leisure.

    Severity decides, then never shown before shown; then the target that has waited longest for
    its turn, so that the backlog of one delays a lone card of another by one call; then age.
    """

    leisure: bool
    rank: int
    shown: bool
    turn: int
    since: int
    card: int


def urgency(lane: Lane, due: Due) -> Urgency:
    """Return a card's place in the order."""
    return Urgency(due.leisure, due.rank, lane.queue.shown, lane.turn, due.since, due.card)


class Line:
    """The heads of several lanes in one order; a lane is put back after its head was served."""

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self._number = itertools.count()
        self._heads: list[tuple[Urgency, int, Lane]] = []
        for lane in lanes:
            self.put_back(lane)

    def __iter__(self) -> Iterator[tuple[Lane, Due]]:
        """Yield the most urgent head, taken off its lane's page."""
        while self._heads:
            lane = heapq.heappop(self._heads)[2]
            yield lane, lane.page.popleft()

    def put_back(self, lane: Lane) -> None:
        """Let a lane's next card take part."""
        if lane.page:
            head = (urgency(lane, lane.page[0]), next(self._number), lane)
            heapq.heappush(self._heads, head)
