"""From the form's preview to exactly that silence, at the desk."""

import json
from pathlib import Path

from receiver.domain.action import ActionKind
from receiver.domain.alert import Alert, fingerprint
from receiver.domain.scope import label_key
from receiver.domain.silence import LABELS_SCOPE
from tests.app.held import held_alertmanager
from tests.callback.bench import HAN, LABELS, Bench, bench

CONFIRM, CANCEL = ActionKind.CONFIRM_SILENCE, ActionKind.CANCEL
NAME = label_key("alertname", LABELS["alertname"])


async def proposed(at: Bench) -> str:
    """Return the id of what is looked at."""
    found = (await at.snapshot()).incident.proposal
    assert found is not None
    return found.id


async def test_a_preview_names_what_it_mutes_and_makes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reply = await at.click(ActionKind.SILENCE, duration="2h", labels=(NAME,), comment="why?")
        assert reply.toast.en == "Look at the preview in the card, then confirm"
        assert reply.content is not None
        assert "Alerts muted now: **1**" in reply.content
        assert "confirm_silence" in reply.content
        assert (await at.snapshot()).incident.silences == ()
        assert await at.store.intents() == []
        assert [entry.kind for entry in await at.store.timeline(1)][-1] == "silence_previewed"
        assert at.counted("receiver_actions_total", action="silence", outcome="done") == 1


async def test_whoever_confirms_makes_it_in_their_own_name(tmp_path: Path) -> None:
    async with (
        held_alertmanager() as alertmanager,
        bench(tmp_path, alertmanager=alertmanager.url) as at,
    ):
        alertmanager.release.set()
        await at.click(ActionKind.PREVIEW, duration="2h", labels=(NAME,), comment="why?")
        reply = await at.click(CONFIRM, actor=HAN, silence=await proposed(at))
        assert reply.toast.en == "Silenced"
        (silence,) = (await at.snapshot()).incident.silences
        assert (silence.scope, silence.matchers) == (
            LABELS_SCOPE,
            (("alertname", LABELS["alertname"]),),
        )
        assert silence.actor == HAN
        posted = json.loads(alertmanager.bodies[0])
        assert [one["value"] for one in posted["matchers"]] == [LABELS["alertname"]]
        assert "why?" in posted["comment"]


async def test_what_would_mute_more_is_shown_anew(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.click(ActionKind.PREVIEW, duration="2h", labels=(NAME,))
        about = await proposed(at)
        other = {**LABELS, "instance": "db-2"}
        await at.fire(Alert(fingerprint(other), True, other, {}))
        reply = await at.click(CONFIRM, silence=about)
        assert "changed meanwhile" in reply.toast.en
        assert reply.content is not None
        assert "Alerts muted now: **2**" in reply.content
        assert (await at.snapshot()).incident.silences == ()
        await at.click(CONFIRM, silence=about)
        assert len((await at.snapshot()).incident.silences) == 1


async def test_a_preview_can_be_cancelled_by_anybody(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.click(ActionKind.PREVIEW, duration="2h", labels=(NAME,))
        about = await proposed(at)
        reply = await at.click(CANCEL, actor=HAN, silence=about)
        assert reply.toast.en == "Cancelled: nothing is silenced"
        assert (await at.snapshot()).incident.proposal is None
        late = await at.click(CONFIRM, silence=about)
        assert late.toast.en.startswith("This preview is over")


async def test_labels_that_are_not_shared_are_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reply = await at.click(
            ActionKind.PREVIEW, duration="2h", labels=(label_key("alertname", "Other"),)
        )
        assert "changed meanwhile" in reply.toast.en
        assert (await at.snapshot()).incident.proposal is None
