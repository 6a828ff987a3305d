"""A wish for a silence comes true at most once, and ends in an answer whatever happens."""

import asyncio
import contextlib
import itertools
from collections import deque

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.alertmanager.silences import Outcome, body_of
from receiver.domain.silence import CONFIRM_WITHIN, HOUR, Silence, SilenceState
from receiver.domain.silencing import Conclusion
from tests.alertmanager.made import NOW, made
from tests.alertmanager.model import Cluster, Fate, marked

EXPIRING = SilenceState.EXPIRING
FATES = st.lists(st.sampled_from([fate for fate in Fate if fate is not Fate.LATE]), max_size=14)


async def _through_deaths(
    cluster: Cluster, silence: Silence, *, restarts: bool = True
) -> Conclusion:
    """Drive a silence until it is concluded, again after each time that the drive is cancelled.

    With ``restarts`` each drive is a new process, and only the first says that it is fresh;
    without, all are of one process that says so each time, and must know better.
    """
    one = cluster.silencer()
    for life in itertools.count():
        silencer = cluster.silencer() if restarts else one
        fresh = life == 0 or not restarts
        try:
            if silence.state is EXPIRING:
                return await silencer.expire("prod", 7, silence)
            told = await silencer.establish("prod", 7, silence, fresh=fresh)
        except asyncio.CancelledError:
            cluster.now += 100
            continue
        assert told is not None
        return told
    raise AssertionError("unreachable")


@given(FATES, st.booleans())
@example([Fate.KEPT, Fate.LOST, Fate.DIES], True)
@example([Fate.DIES_KEPT, Fate.AWAY], False)
@example([Fate.AWAY] * 40, True)
@example([Fate.LOST] * 40, True)
@example([Fate.KEPT] + [Fate.LOST] * 60, True)
async def test_one_click_makes_at_most_one_silence(fates: list[Fate], restarts: bool) -> None:
    cluster = Cluster(script=deque(fates))
    told = await _through_deaths(cluster, made(), restarts=restarts)

    assert len(cluster.made) <= 1
    assert (told.incident, told.silence) == (7, "act-1")
    if told.state is SilenceState.ACTIVE:
        assert cluster.live == [told.silence_id]
        assert not told.problem
    else:
        assert told.state is SilenceState.FAILED
        assert told.problem
        assert not cluster.live or "taken effect all the same" in told.problem


@pytest.mark.parametrize("trouble", [[], [Fate.AWAY], [Fate.LOST, Fate.KEPT]])
async def test_what_an_earlier_request_makes_late_is_ended_again(trouble: list[Fate]) -> None:
    after_look_up = [Fate.DONE, Fate.DONE, *trouble]
    cluster = Cluster(script=deque([Fate.LATE, Fate.DONE, *after_look_up]))
    told = await cluster.silencer().establish("prod", 7, made(), fresh=True)

    assert len(cluster.made) == 2
    assert told is not None
    assert told.state is SilenceState.ACTIVE
    assert cluster.live == [told.silence_id]
    assert cluster.calls[:4] == ["create", "silences", "create", "silences"]


async def test_an_answer_is_not_held_back_by_the_search_for_a_late_one() -> None:
    cluster = Cluster(script=deque([Fate.LATE, Fate.DONE, Fate.DONE, Fate.LOST]))
    told = await cluster.silencer().establish("prod", 7, made(), fresh=True)

    assert told is not None
    assert told.state is SilenceState.ACTIVE
    assert cluster.now - NOW < 1000


@given(FATES, st.booleans(), st.booleans())
async def test_an_unsilence_ends_what_is_there(fates: list[Fate], there: bool, known: bool) -> None:
    cluster = Cluster(script=deque(fates))
    silence = made(state=EXPIRING, silence_id="s0" if known else "")
    if there:
        cluster.made["s0"] = True
        cluster.comments["s0"] = marked(silence)
    told = await _through_deaths(cluster, silence)

    assert cluster.posts == 0
    if told.state is SilenceState.EXPIRED:
        assert not cluster.live
    else:
        assert told.state is SilenceState.ACTIVE
        assert told.problem


async def test_a_fresh_wish_costs_one_call() -> None:
    cluster = Cluster()
    told = await cluster.silencer().establish("prod", 7, made(), fresh=True)

    assert told == Conclusion(
        incident=7, silence="act-1", state=SilenceState.ACTIVE, silence_id="s0"
    )
    assert cluster.calls == ["create"]
    assert cluster.counted == [Outcome.CREATED]


async def test_after_a_restart_it_is_looked_up_first() -> None:
    cluster = Cluster()
    await cluster.silencer().establish("prod", 7, made(), fresh=True)
    told = await cluster.silencer().establish("prod", 7, made())

    assert told is not None
    assert told.silence_id == "s0"
    assert cluster.posts == 1
    assert cluster.counted == [Outcome.CREATED, Outcome.RECOVERED]


async def test_after_a_timeout_it_is_found_rather_than_made_again() -> None:
    cluster = Cluster(script=deque([Fate.KEPT, Fate.AWAY]))
    told = await cluster.silencer().establish("prod", 7, made(), fresh=True)

    assert told is not None
    assert told.state is SilenceState.ACTIVE
    assert cluster.calls == ["create", "silences", "silences"]
    assert cluster.counted == [Outcome.RECOVERED]


async def test_nothing_is_made_again_while_a_peer_cannot_be_asked() -> None:
    cluster = Cluster(script=deque([Fate.LOST] + [Fate.AWAY] * 99))
    told = await cluster.silencer().establish("prod", 7, made(), fresh=True)

    assert cluster.posts == 1
    assert told is not None
    assert told.state is SilenceState.FAILED
    assert told.problem == (
        "Alertmanager did not confirm it within 60 s: connection refused; "
        "it may have taken effect all the same"
    )
    assert cluster.now - NOW < CONFIRM_WITHIN + 1000


async def test_the_clock_starts_at_the_click() -> None:
    cluster = Cluster(script=deque([Fate.AWAY] * 99))
    told = await cluster.silencer().establish("prod", 7, made(), fresh=True)

    assert told is not None
    assert told.problem == "Alertmanager did not confirm it within 60 s: connection refused"
    assert CONFIRM_WITHIN <= cluster.now - NOW < CONFIRM_WITHIN + 1000


async def test_a_refusal_ends_it_at_once() -> None:
    cluster = Cluster(script=deque([Fate.NO]))
    told = await cluster.silencer().establish("prod", 7, made(), fresh=True)

    assert told is not None
    assert (told.state, told.problem) == (
        SilenceState.FAILED,
        "Alertmanager refused: HTTP 400: no",
    )
    assert cluster.counted == [Outcome.FAILED]


async def test_one_that_somebody_ended_meanwhile_is_over() -> None:
    cluster = Cluster()
    cluster.made["s0"] = False
    cluster.comments["s0"] = marked(made())
    told = await cluster.silencer().establish("prod", 7, made())

    assert told is not None
    assert (told.state, told.silence_id) == (SilenceState.EXPIRED, "s0")
    assert cluster.posts == 0


async def test_one_that_is_ended_as_it_is_made_is_over() -> None:
    cluster = Cluster(script=deque([Fate.LOST]), ended_at_once=True)
    told = await cluster.silencer().establish("prod", 7, made(), fresh=True)

    assert told is not None
    assert (told.state, told.silence_id) == (SilenceState.EXPIRED, "s0")
    assert cluster.calls == ["create", "silences", "create", "silences"]


async def test_after_a_long_outage_it_is_found_but_no_longer_made() -> None:
    cluster = Cluster(now=NOW + 5 * CONFIRM_WITHIN)
    told = await cluster.silencer().establish("prod", 7, made())
    assert told is not None
    assert told.problem == "Alertmanager did not confirm it within 60 s"

    silence_id = cluster.keep(marked(made()))
    told = await cluster.silencer().establish("prod", 7, made())
    assert told is not None
    assert (told.state, told.silence_id) == (SilenceState.ACTIVE, silence_id)
    assert cluster.calls == ["silences", "silences"]


async def test_an_unsilence_looks_again_for_what_came_late() -> None:
    cluster = Cluster(script=deque([Fate.LOST, Fate.DONE, Fate.NO]))
    silencer = cluster.silencer()
    await silencer.establish("prod", 7, made(), fresh=True)
    cluster.keep(marked(made()))
    told = await silencer.expire("prod", 7, made(state=EXPIRING))

    assert told.state is SilenceState.EXPIRED
    assert cluster.live == []


@pytest.mark.parametrize("matchers", [(), (("env", ""),), (("", "x"),)])
async def test_what_would_mute_everything_is_not_sent(
    matchers: tuple[tuple[str, str], ...],
) -> None:
    cluster = Cluster()
    told = await cluster.silencer().establish("prod", 7, made(matchers=matchers), fresh=True)

    assert told is not None
    assert told.state is SilenceState.FAILED
    assert "mute everything" in told.problem
    assert cluster.calls == []


async def test_a_source_that_is_gone_is_said() -> None:
    cluster = Cluster()
    told = await cluster.silencer().establish("old", 7, made(), fresh=True)

    assert told is not None
    assert told.problem == "Alertmanager refused: the source old is no longer configured"


async def test_a_double_click_makes_one() -> None:
    cluster = Cluster(gate=asyncio.Event())
    assert cluster.gate
    silencer = cluster.silencer()
    clicks = [
        asyncio.create_task(silencer.establish("prod", 7, made(), fresh=True)) for _ in range(2)
    ]
    for _ in range(20):  # turns of the loop, in which the second must not run ahead
        await asyncio.sleep(0)
    assert cluster.calls == ["create"]

    cluster.gate.set()
    told = await asyncio.gather(*clicks)
    assert [one and one.silence_id for one in told] == ["s0", "s0"]
    assert cluster.calls == ["create"]


@given(FATES, FATES)
async def test_a_wish_and_an_unsilence_together_leave_nothing(
    first: list[Fate], then: list[Fate]
) -> None:
    cluster = Cluster(script=deque(first))
    silencer = cluster.silencer()
    with contextlib.suppress(asyncio.CancelledError):
        await silencer.establish("prod", 7, made(), fresh=True)
    cluster.script = deque(fate for fate in then if fate not in (Fate.DIES, Fate.DIES_KEPT))
    posts = cluster.posts
    told = await silencer.expire("prod", 7, made(state=EXPIRING))

    assert cluster.posts == posts
    assert told.state is SilenceState.ACTIVE or not cluster.live
    assert bool(told.problem) == (told.state is SilenceState.ACTIVE)


async def test_an_unsilence_overtakes_a_wish_that_is_under_way() -> None:
    cluster = Cluster(script=deque([Fate.KEPT]))
    silencer = cluster.silencer()
    wish = asyncio.create_task(silencer.establish("prod", 7, made(), fresh=True))
    await cluster.called.wait()
    told = await silencer.expire("prod", 7, made(state=EXPIRING))

    assert await wish is None
    assert (told.state, told.silence_id) == (SilenceState.EXPIRED, "s0")
    assert cluster.live == []
    assert cluster.posts == 1


async def test_an_unsilence_of_what_was_surely_never_sent_needs_no_call() -> None:
    cluster = Cluster(script=deque([Fate.NO]))
    silencer = cluster.silencer()
    await silencer.establish("prod", 7, made(), fresh=True)
    told = await silencer.expire("prod", 7, made(state=EXPIRING))

    assert told.state is SilenceState.EXPIRED
    assert cluster.calls == ["create"]


async def test_an_unsilence_after_its_end_needs_no_call() -> None:
    cluster = Cluster(now=NOW + HOUR)
    told = await cluster.silencer().expire("prod", 7, made(state=EXPIRING, silence_id="s0"))

    assert told.state is SilenceState.EXPIRED
    assert cluster.calls == []


async def test_an_unsilence_that_is_refused_leaves_it_active() -> None:
    cluster = Cluster(script=deque([Fate.NO]))
    told = await cluster.silencer().expire("prod", 7, made(state=EXPIRING, silence_id="s0"))

    assert told.state is SilenceState.ACTIVE
    assert told.problem == "Alertmanager refused: HTTP 400: no"


@pytest.mark.parametrize("silence_id", ["s0", ""])
async def test_an_unsilence_that_nobody_confirms_leaves_it_active(silence_id: str) -> None:
    cluster = Cluster(script=deque([Fate.AWAY] * 99))
    told = await cluster.silencer().expire("prod", 7, made(state=EXPIRING, silence_id=silence_id))

    assert told.state is SilenceState.ACTIVE
    assert told.problem == "Alertmanager did not confirm it within 60 s: connection refused"
    assert CONFIRM_WITHIN <= cluster.now - NOW < CONFIRM_WITHIN + 1000


async def test_memory_of_old_silences_is_dropped() -> None:
    cluster = Cluster()
    silencer = cluster.silencer()
    for number in range(20):
        await silencer.establish(
            "prod", 7, made(action=f"a{number}", asked_at=cluster.now), fresh=True
        )
        cluster.now += CONFIRM_WITHIN

    assert len(silencer._flights) <= 4  # noqa: SLF001  (its size shows nowhere else)


def test_the_body_says_who_why_and_which() -> None:
    body = body_of(made(comment="see [receiver:act-9]"))

    assert body["createdBy"] == "李雷"
    assert body["comment"] == "see (receiver:act-9] (ou_li) [receiver:act-1]"
    assert body["annotations"] == {"receiver_action": "act-1", "receiver_open_id": "ou_li"}
    assert body["startsAt"] == "2026-11-18T11:06:40.000Z"
    assert body["endsAt"] == "2026-11-18T12:06:40.000Z"
    assert body["matchers"] == [
        {"name": "alertname", "value": "DiskFull", "isRegex": False, "isEqual": True},
        {"name": "node", "value": "n1", "isRegex": False, "isEqual": True},
    ]
    assert body_of(made(comment=""))["comment"] == "(ou_li) [receiver:act-1]"
