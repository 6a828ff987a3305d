"""What happens in the real Alertmanager shows at once when its event recorder tells of it."""

from dataclasses import replace
from pathlib import Path

from tests.binaries import current
from tests.real_alertmanager import Settings, real_alertmanager
from tests.stage import NOWHERE, TOKEN, notify, source, stage

LABELS = {"alertname": "HighLoad", "cluster": "east", "severity": "warning"}
# Nothing but an event has the source looked at within the time of this story.
RARELY = {"reconcile_every": "1h", "warm_up": "0s"}
SILENCE = {
    "matchers": [{"name": "alertname", "value": "HighLoad", "isRegex": False}],
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "2100-01-01T00:00:00Z",
    "createdBy": "somebody else",
    "comment": "ticket 7",
}


async def test_a_silence_made_elsewhere_and_an_end_below_it_show_at_once(tmp_path: Path) -> None:
    recording = Settings(
        group_by=("alertname", "cluster"), events_url=f"{NOWHERE}/events", token=TOKEN
    )
    program = current("prometheus-alertmanager")
    async with (
        real_alertmanager(tmp_path, recording, binary=program) as alertmanager,
        stage(tmp_path, alertmanagers=[source(alertmanager.url) | RARELY]) as at,
    ):
        events = f"{at.receiver.url}/webhooks/alertmanager/prod/events"
        await notify(alertmanager, tmp_path, at, replace(recording, events_url=events))
        await alertmanager.fire(LABELS)
        card = await at.message()
        made = await at.http.post(f"{alertmanager.url}/api/v2/silences", json=SILENCE)
        made.raise_for_status()
        await at.turns(card, "grey", limit=20)
        await at.shows(card, "somebody else", "ticket 7")
        await alertmanager.resolve(LABELS)
        await at.turns(card, "green", limit=20)
