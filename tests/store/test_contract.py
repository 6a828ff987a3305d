"""The contract, held against every engine of conftest."""

from tests.store.contract import Bodies, Cards, Clicks, Records


class TestBodies(Bodies):
    """Promises 1 to 4."""


class TestCards(Cards):
    """Promises 5, 7, 8 and 9."""


class TestClicks(Clicks):
    """Promise 6."""


class TestRecords(Records):
    """Promises 10 to 12."""
