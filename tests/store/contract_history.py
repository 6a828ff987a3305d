"""More of a store's promises, as tests: what a new incident knows of its group's earlier ones."""

from receiver.domain.action import ActionKind
from receiver.domain.history import WINDOW
from receiver.domain.incident import Incident, Past
from receiver.store.base import Store
from tests.domain.made import HOUR, MINUTE, NOW, alert, notice
from tests.store.engines import Engine
from tests.store.made import GONE1, RULES, click, group, open_one

LASTED = 12 * MINUTE


async def fire(store: Store, at: int) -> int:
    """Let the group fire, and resolve after a while; return the incident's number."""
    number = (await open_one(store, now=at)).incident
    await store.apply(notice(GONE1), RULES, at + LASTED)
    return number


async def incident(store: Store, number: int) -> Incident:
    """Return an incident."""
    snapshot = await store.snapshot(number)
    assert snapshot is not None
    return snapshot.incident


class Histories:
    """A group's past is handed on from incident to incident."""

    async def test_a_first_incident_has_no_past(self, store: Store) -> None:
        """Nothing is known of a new group."""
        assert (await incident(store, await fire(store, NOW))).past == Past()

    async def test_each_incident_knows_when_those_before_it_opened(self, engine: Engine) -> None:
        """Also after a new start, and without those of other groups."""
        store = engine.open()
        times = [NOW + number * HOUR for number in range(4)]
        for at in times[:3]:
            await fire(store, at)
        await open_one(store, group(2), NOW + HOUR)
        await store.close()
        again = engine.open()
        last = await incident(again, await fire(again, times[3]))
        assert last.past == Past(tuple(times[:3]), "", LASTED)
        await again.close()

    async def test_who_acknowledged_the_last_one_is_told(self, store: Store) -> None:
        """Also where the acknowledgement was taken back later, by news for example."""
        await open_one(store)
        await store.act(click(ActionKind.ACKNOWLEDGE), NOW + 1)
        await store.apply(notice(alert("n9")), RULES, NOW + 2)
        assert (await incident(store, 1)).ack is None
        over = notice(GONE1, alert("n9", firing=False))
        await store.apply(over, RULES, NOW + LASTED)
        second = await incident(store, await fire(store, NOW + HOUR))
        assert second.past == Past((NOW,), "Li", LASTED)
        third = await incident(store, await fire(store, NOW + 2 * HOUR))
        assert third.past == Past((NOW, NOW + HOUR), "", LASTED)

    async def test_what_is_older_than_a_week_is_not_counted(self, store: Store) -> None:
        """Nor is the last one told of, when it is that old."""
        await fire(store, NOW)
        await fire(store, NOW + HOUR)
        third = await incident(store, await fire(store, NOW + WINDOW))
        assert third.past.openings == (NOW + HOUR,)
        much_later = await incident(store, await fire(store, NOW + 3 * WINDOW))
        assert much_later.past == Past()

    async def test_what_was_pruned_is_not_known(self, store: Store) -> None:
        """The retention ends a history too, and breaks nothing."""
        await fire(store, NOW)
        assert await store.prune(NOW + HOUR, NOW + HOUR, 10) == 1
        assert (await incident(store, await fire(store, NOW + 2 * HOUR))).past == Past()

    async def test_what_re_opens_is_the_same_incident(self, store: Store) -> None:
        """A group that comes and goes within the flap window counts once."""
        await fire(store, NOW)
        await fire(store, NOW + LASTED + MINUTE)
        later = await incident(store, await fire(store, NOW + 2 * HOUR))
        assert later.past.openings == (NOW,)
