"""Grafana's own Alertmanager: asked, silenced and unsilenced below its path, by one rule."""

from collections.abc import AsyncIterator

import pytest

from receiver.alertmanager.answer import Expired, Refused
from receiver.alertmanager.peer import GRAFANA_API, Source
from receiver.domain.alert import fingerprint
from receiver.domain.silence import SilenceState, alert_scope
from receiver.domain.truth import Truth, Unanswered
from receiver.ingest.body import RULE_LABEL
from receiver.sandbox.alertmanager import StandIn, serve_alertmanager
from receiver.sandbox.notify import AlertmanagerConfig, Inhibition
from tests.alertmanager.conftest import Desk, silencer_of
from tests.alertmanager.made import made
from tests.real_alertmanager import wall_clock

TOKEN = "glsa_x"  # noqa: S105  (the stand-in's)
NOBODY = "00000000-0000-0000-0000-000000000000"
LABELS = {RULE_LABEL: "bexx1", "alertname": "High CPU", "grafana_folder": "ops", "severity": "x"}
CAUSE = {"alertname": "Down", "severity": "y"}


@pytest.fixture
async def grafana() -> AsyncIterator[StandIn]:
    rule = Inhibition(source=(("severity", "y"),), target=(("severity", "x"),))
    config = AlertmanagerConfig(grafana=True, api_token=TOKEN, inhibitions=(rule,))
    async with serve_alertmanager(config) as standin:
        yield standin


def source(standin: StandIn, bearer: str = TOKEN) -> Source:
    return Source(name="grafana", urls=(standin.url,), bearer=bearer, api=GRAFANA_API)


async def told(desk: Desk, standin: StandIn) -> Truth:
    seen = await desk.client(source(standin)).truth(wall_clock())
    assert isinstance(seen, Truth), seen
    return seen


async def test_one_alert_is_silenced_by_its_rule_and_unsilenced(
    desk: Desk, grafana: StandIn
) -> None:
    grafana.fire([{"labels": LABELS}])
    silencer, _ = silencer_of(desk.client(source(grafana)))
    wish = made(matchers=alert_scope(LABELS), asked_at=wall_clock())
    done = await silencer.establish("grafana", 7, wish, fresh=True)

    assert done is not None
    assert done.state is SilenceState.ACTIVE
    seen = await told(desk, grafana)
    assert seen.alerts[fingerprint(LABELS)].silenced_by == (done.silence_id,)
    (silence,) = seen.silences
    assert (silence.action, silence.state) == ("act-1", "active")
    assert (RULE_LABEL, "bexx1") in {(one.name, one.value) for one in silence.matchers}

    ended = await desk.client(source(grafana)).expire(done.silence_id)
    assert ended == Expired()
    assert not (await told(desk, grafana)).alerts[fingerprint(LABELS)].suppressed
    assert await desk.client(source(grafana)).expire(NOBODY) == Expired(gone=True)


async def test_what_inhibits_and_how_it_is_grouped(desk: Desk, grafana: StandIn) -> None:
    grafana.fire([{"labels": LABELS}, {"labels": CAUSE}])
    seen = await told(desk, grafana)

    assert seen.alerts[fingerprint(LABELS)].inhibited_by == (fingerprint(CAUSE),)
    assert not seen.alerts[fingerprint(CAUSE)].suppressed
    assert {group.fingerprints for group in seen.groups} == {
        (fingerprint(LABELS),), (fingerprint(CAUSE),),
    }  # fmt: skip


async def test_it_does_not_say_since_when_it_runs(desk: Desk, grafana: StandIn) -> None:
    seen = await told(desk, grafana)
    assert seen.up_since == seen.at
    assert not seen.tells_absence()


async def test_a_wrong_token_and_the_wrong_kind_are_named(desk: Desk, grafana: StandIn) -> None:
    wrong = await desk.client(source(grafana, "glsa_wrong")).truth(wall_clock())
    assert isinstance(wrong, Unanswered)
    assert "HTTP 401: Unauthorized: check the source's basic_auth" in wrong.problem
    assert "glsa_wrong" not in wrong.problem

    plain = Source(name="grafana", urls=(grafana.url,), bearer=TOKEN)
    other = await desk.client(plain).truth(wall_clock())
    assert isinstance(other, Unanswered)
    assert "check the source's urls and kind" in other.problem
    assert isinstance(await desk.client(plain).expire(NOBODY), Refused)
