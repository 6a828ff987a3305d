"""A click on a storm's card: acted upon as it was when it was clicked, and answered with it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from receiver.callback.desk import Reply
from receiver.channels.feishu.value import action_value
from receiver.domain.action import ActionKind
from receiver.domain.alert import Alert, fingerprint
from receiver.domain.card import (
    Ability,
    Card,
    picture,
)
from receiver.domain.incident import Notice, Placement, Rules
from receiver.domain.outcome import Delivered
from receiver.domain.policy import Policy
from receiver.domain.settle import Sent
from receiver.domain.silence import SHARED_SCOPE, SilenceState
from receiver.store.base import Snapshot
from tests.app.held import held_alertmanager
from tests.callback.bench import HAN, TARGET, Bench, bench, clicked

ACK, UNACK = ActionKind.ACKNOWLEDGE, ActionKind.UNACKNOWLEDGE
SILENCE, UNSILENCE, RESOLVE = ActionKind.SILENCE, ActionKind.UNSILENCE, ActionKind.RESOLVE
MANY = 6


@dataclass
class Storm:
    """A desk, and the digest that is shown at it."""

    at: Bench
    digest: int = 0
    revision: int = 0

    async def body(self, number: int, *, firing: bool = True) -> None:
        """Apply a body about one host."""
        labels = {
            "alertname": "HostDown",
            "severity": "warning",
            "rack": "r1",
            "instance": f"host-{number}",
        }
        ends = None if firing else self.at.clock.at
        notice = Notice(
            source="prod",
            receiver="team",
            group_key=f'{{}}:{{instance="host-{number}"}}',
            alerts=(Alert(fingerprint(labels), firing, labels, {}, ends_at=ends),),
            group_labels={"instance": f"host-{number}"},
            placements=(Placement(TARGET),),
            title="HostDown",
        )
        await self.at.store.apply(notice, Rules(), self.at.clock.at)

    async def gather(self) -> None:
        """Take what waits into the digest, as the delivery would."""
        got = await self.at.store.gather(TARGET, self.at.clock.at)
        self.digest = got.digest or self.digest
        self.revision = (await self.snapshot()).incident.revision

    async def show(self) -> None:
        """Have the digest's card sent, as a delivery would."""
        card = await self.card()
        work = await self.at.store.begin(card.id, Ability.EDITS, self.at.clock.at)
        assert work is not None
        assert work.card.in_flight is not None
        incident = work.snapshot.incident
        sent = Sent(
            call=work.card.in_flight,
            reason=getattr(work.step, "reason"),  # noqa: B009  (any step that calls has one)
            revision=incident.revision,
            shown=picture(incident, work.snapshot.members),
            trace="",
        )
        await self.at.store.settle(card.id, sent, Delivered("om_1"), (), self.at.clock.at, 0.5)

    async def card(self) -> Card:
        """Return the digest's card."""
        (card,) = await self.at.store.cards(self.digest)
        return card

    async def snapshot(self, incident: int = 0) -> Snapshot:
        """Return the digest, or one of the gathered."""
        found = await self.at.store.snapshot(incident or self.digest)
        assert found is not None
        return found

    async def owners(self) -> list[str]:
        """Return who owns each of the gathered that are still open."""
        shown = (await self.snapshot()).digest
        assert shown is not None
        found = []
        for each in sorted(one.incident for one in shown.gathered):
            ack = (await self.snapshot(each)).incident.ack
            found.append("" if ack is None else ack.actor.open_id)
        return found

    async def click(self, kind: ActionKind, **keys: Any) -> Reply:
        """Click on the digest as it was last looked at."""
        chosen = {"scope": SHARED_SCOPE} if kind is SILENCE else {}
        values: dict[str, Any] = {
            "incident": self.digest,
            "card": (await self.card()).id,
            "revision": self.revision,
            **chosen,
            **keys,
        }
        return await self.at.click(kind, **values)


@asynccontextmanager
async def storm(
    folder: Path,
    alertmanager: str = "",
    policy: Policy = Policy(),  # noqa: B008  (never changes)
) -> AsyncIterator[Storm]:
    """Set up a desk with a digest of ``MANY`` incidents on its card."""
    async with bench(folder, alertmanager=alertmanager, fire=False, policy=policy) as at:
        made = Storm(at)
        for number in range(1, MANY + 1):
            await made.body(number)
        await made.gather()
        await made.show()
        at.woken.clear()
        yield made


def drawn(reply: Reply) -> dict[str, Any]:
    """Return the card that answers a click."""
    assert reply.content is not None
    content: dict[str, Any] = json.loads(reply.content)["content"]
    return content


async def test_all_are_acknowledged_and_the_digest_is_drawn_anew(tmp_path: Path) -> None:
    async with storm(tmp_path) as at:
        reply = await at.click(ACK)
        assert reply.toast.en == "Acknowledged 6"
        assert await at.owners() == ["ou_li"] * MANY
        content = drawn(reply)
        assert content["header"]["template"] == "blue"
        assert "李雷" in json.dumps(content, ensure_ascii=False)
        assert '"a": "acknowledge"' not in json.dumps(content)
        assert at.at.woken
        name = "receiver_actions_total"
        assert at.at.counted(name, action="acknowledge", outcome="done") == 1


async def test_only_what_was_shown_when_it_was_clicked_is_acknowledged(tmp_path: Path) -> None:
    async with storm(tmp_path) as at:
        clicked_at = at.revision
        await at.body(MANY + 1)
        await at.gather()
        reply = await at.click(ACK, revision=clicked_at)
        assert reply.toast.en == "Acknowledged 6"
        assert await at.owners() == ["ou_li"] * MANY + [""]
        assert "Acknowledge all 1" in json.dumps(drawn(reply))


async def test_what_is_over_already_is_counted(tmp_path: Path) -> None:
    async with storm(tmp_path) as at:
        await at.body(1, firing=False)
        await at.body(2, firing=False)
        reply = await at.click(ACK)
        assert reply.toast.en == "Acknowledged 4; 2 were over or acknowledged already"
        assert "4 acknowledged" in json.dumps(drawn(reply))


async def test_who_comes_second_is_told_that_nothing_is_left(tmp_path: Path) -> None:
    async with storm(tmp_path) as at:
        await at.click(ACK)
        reply = await at.click(ACK, actor=HAN)
        assert reply.toast.en == "All of these incidents are over or acknowledged already"
        assert await at.owners() == ["ou_li"] * MANY


async def test_a_silence_by_the_shared_labels_reaches_the_sources_alertmanager(
    tmp_path: Path,
) -> None:
    async with held_alertmanager() as alertmanager, storm(tmp_path, alertmanager.url) as at:
        alertmanager.release.set()
        reply = await at.click(SILENCE, comment="机架断电")
        assert reply.toast.en == "Silenced"
        (body,) = alertmanager.bodies
        matchers = {each["name"]: each["value"] for each in json.loads(body)["matchers"]}
        assert matchers == {"alertname": "HostDown", "rack": "r1", "severity": "warning"}
        (silence,) = (await at.snapshot()).incident.silences
        assert silence.state is SilenceState.ACTIVE
        content = json.dumps(drawn(reply), ensure_ascii=False)
        assert "机架断电" in content
        assert '"a": "unsilence"' in content
        assert '"a": "silence"' not in content


async def test_what_shares_nothing_cannot_be_silenced(tmp_path: Path) -> None:
    async with storm(tmp_path) as at:
        reply = await at.click(SILENCE, scope="group")
        assert reply.toast.kind == "error"
        assert (await at.snapshot()).incident.silences == ()


@pytest.mark.parametrize("kind", [UNACK, RESOLVE])
async def test_what_a_digest_does_not_offer_is_refused(kind: ActionKind, tmp_path: Path) -> None:
    async with storm(tmp_path) as at:
        reply = await at.click(kind)
        assert reply.toast.en == "This choice is not understood"
        assert await at.owners() == [""] * MANY


async def test_a_storm_that_is_over_takes_no_click(tmp_path: Path) -> None:
    async with storm(tmp_path) as at:
        await at.at.store.disperse(TARGET, at.at.clock.at)
        reply = await at.click(ACK)
        assert reply.toast.en.startswith("The storm is over")
        content = drawn(reply)
        assert content["header"]["title"]["i18n_content"]["en_us"] == (
            "Alert storm over: 6 incidents"
        )
        assert "callback" not in json.dumps(content)


@pytest.mark.parametrize(("sent", "expected"), [(1, 6), (0, 7), (None, 7)])
async def test_the_revision_goes_through_the_endpoint(
    sent: int | None, expected: int, tmp_path: Path
) -> None:
    """A value without a revision, of an older version, acts on what is gathered now."""
    async with storm(tmp_path) as at:
        await at.body(MANY + 1)
        await at.gather()
        card = await at.card()
        value: dict[str, Any] = action_value(ACK, at.digest, card.id, 1)
        if sent is not None:
            value["r"] = sent
        raw, headers = at.at.signed(clicked(value))
        async with at.at.client() as http:
            answer = await http.post("/callbacks/feishu/ops", content=raw, headers=headers)
        assert answer.json()["toast"]["content"] == f"已认领 {expected} 个事件"
        assert answer.json()["card"]["data"]["header"]["template"] in ("blue", "orange")
        assert (await at.owners()).count("ou_han") == expected
