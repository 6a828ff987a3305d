"""The table of crash points is the code's: no await and no hand-off is missing from it."""

from tests.crash import points, scan
from tests.crash.points import Phase


def _sites() -> dict[str, tuple[str, ...]]:
    return {site.name: site.moments for module in scan.MODULES for site in scan.sites(module)}


def _function(site: str) -> str:
    return ":".join(site.split(":")[:2])


def test_each_await_and_hand_off_of_the_code_stands_in_the_table() -> None:
    known = {*points.on_path(), *points.unreachable()}
    missing = [
        site for site in _sites() if site not in known and _function(site) not in points.elsewhere()
    ]
    assert not missing, (
        "an alert may be lost or shown twice by a kill at a place that no test tries. Add to"
        " tests/crash/points.py each of these: to PATH with the phase that reaches it, or to"
        " ELSEWHERE or UNREACHABLE with the reason.\n  " + "\n  ".join(missing)
    )


def test_the_table_names_nothing_that_is_not_in_the_code() -> None:
    sites = _sites()
    moments = {f"{site}:{moment}" for site, several in sites.items() for moment in several}
    gone = [site for site in points.on_path() if site not in sites]
    gone += [site for site in points.unreachable() if site not in sites and site not in moments]
    functions = {_function(site) for site in sites}
    gone += [function for function in points.elsewhere() if function not in functions]
    assert not gone, "remove from tests/crash/points.py, or correct:\n  " + "\n  ".join(gone)


def test_no_place_stands_in_two_parts_of_the_table() -> None:
    path, spared, others = points.on_path(), points.unreachable(), points.elsewhere()
    assert not set(path) & set(spared)
    assert not {_function(site) for site in (*path, *spared)} & set(others)


def test_few_places_are_unreachable() -> None:
    assert len(points.unreachable()) <= len(points.on_path()) // 5


def test_each_phase_and_every_other_site_has_a_kill_in_every_test_run() -> None:
    chosen = points.representative(points.kills())
    assert {kill.phase for kill in chosen} == set(Phase)
    sites = {kill.site for kill in chosen}
    assert sites <= set(points.on_path())
    assert 2 * len(sites) >= len(points.on_path())


CODE = """
class Store:
    def __init__(self):
        self._jobs = SimpleQueue()
        self._plain = {}

    async def apply(self, x):
        await self._writer.submit(x)
        await self._writer.submit(x)
        self._jobs.put(x)
        self._plain.get(x)
        db.execute("COMMIT")
        db.execute("SELECT 1")
        async for y in x.stream():
            pass
        async with timeout(1), x.open() as z:
            return await (await z)
"""


def test_the_scan_finds_what_waits_and_what_hands_over() -> None:
    found = {site.name.partition("Store.")[2]: site.moments for site in scan.sites("m", CODE)}
    enter_exit = ("before enter", "after enter", "before exit", "after exit")
    assert found == {
        "apply:await submit:1": ("before", "handed", "after"),
        "apply:await submit:2": ("before", "handed", "after"),
        "apply:_jobs.put:1": ("before", "after"),
        "apply:sql COMMIT:1": ("before", "after"),
        "apply:async for stream:1": ("before", "after"),
        "apply:async with timeout:1": enter_exit,
        "apply:async with open:1": enter_exit,
        "apply:await await:1": ("before", "after"),
        "apply:await z:1": ("before", "after"),
    }


def test_code_with_its_calls_does_what_it_did_before() -> None:
    source = "def f(q):\n    q.put(1)\n    return q.get()\nq = Queue()\n"
    seen: list[tuple[str, str]] = []

    def at(site: str, moment: str, value: object = None) -> object:
        seen.append((site, moment))
        return value

    class Queue(list[int]):
        put = list.append
        get = list.pop

    names: dict[str, object] = {scan.AT: at, "Queue": Queue}
    code = compile(scan.instrumented("m", source), "m", "exec")
    exec(code, names)  # noqa: S102  (the code is the test's own)
    queue = Queue()
    function = names["f"]
    assert callable(function)
    assert function(queue) == 1
    assert seen == [
        ("m:f:q.put:1", "before"),
        ("m:f:q.put:1", "after"),
        ("m:f:q.get:1", "before"),
        ("m:f:q.get:1", "after"),
    ]
