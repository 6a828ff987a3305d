"""A click that the policy refuses: what the clicker is told, and what is left unchanged."""

import json
from pathlib import Path

import pytest

from receiver.callback.access import access_of
from receiver.callback.refusals import refusal_toast
from receiver.channels.feishu.hook import FeishuBot
from receiver.channels.feishu.value import action_value
from receiver.domain.action import ActionKind
from receiver.domain.matcher import parse_matcher
from receiver.domain.policy import FREE, Access, Permission, Policy, Rule
from receiver.domain.ruling import PolicyReason, Ruling
from tests.app.held import held_alertmanager
from tests.callback.bench import HAN, LI, bench, clicked
from tests.callback.test_digest import storm

ACK, SILENCE = ActionKind.ACKNOWLEDGE, ActionKind.SILENCE
ALL = frozenset(Permission)


def rule(*who: str, match: str = "", longest: int = 0) -> Rule:
    """Make a rule that permits these people everything."""
    matchers = (parse_matcher(match),) if match else ()
    return Rule(who=who, may=ALL, matchers=matchers, longest=longest)


async def test_a_refusal_says_who_may(tmp_path: Path) -> None:
    policy = Policy((rule("ou_li", "oncall:db", "chat:oc_9", "on_x"),))
    async with bench(tmp_path, policy=policy) as at:
        before = await at.snapshot()
        reply = await at.click(ACK, actor=HAN)
        assert reply.toast.kind == "error"
        assert reply.toast.en == (
            "Not permitted by the policy. Who may: ou_li, who is on call for db, "
            "members of another chat and 1 more"
        )
        assert await at.snapshot() == before
        assert at.woken == []
        assert at.counted("receiver_actions_total", action="acknowledge", outcome="refused") == 1
        assert (
            at.counted("receiver_refusals_total", action="acknowledge", reason="not_permitted") == 1
        )
        (event,) = [one for one in at.events() if one["event"] == "click not permitted"]
        assert (event["actor"], event["why"]) == ("ou_han", "not_permitted")
        assert (await at.click(ACK, actor=LI)).toast.en == "Acknowledged"


async def test_the_rules_in_force_are_those_of_the_moment(tmp_path: Path) -> None:
    async with bench(tmp_path, policy=Policy((rule("ou_nobody"),))) as at:
        assert (await at.click(ACK)).toast.kind == "error"
        at.rules.append(Policy((rule("chat:oc_1"),)))
        assert (await at.click(ACK)).toast.en == "Acknowledged"


async def test_the_chat_is_where_the_click_came_from(tmp_path: Path) -> None:
    """A card that was forwarded is clicked in another chat."""
    async with bench(tmp_path, policy=Policy((rule("chat:oc_1"),))) as at:
        away = clicked(action_value(ACK, 1, 1, 1), "event-1")
        away["event"]["context"]["open_chat_id"] = "oc_2"
        here = clicked(action_value(ACK, 1, 1, 1), "event-2")
        async with at.client() as http:
            for number, (document, kind) in enumerate(((away, "error"), (here, "success"))):
                raw, headers = at.signed(document, f"nonce-{number}")
                answer = (
                    await http.post("/callbacks/feishu/ops", content=raw, headers=headers)
                ).json()
                assert answer["toast"]["type"] == kind
        kinds = [line.kind for line in await at.store.timeline(1)]
        assert kinds[-2:] == ["refused", "acknowledge"]


async def test_a_silence_that_is_too_long_is_refused_with_the_longest(tmp_path: Path) -> None:
    async with bench(tmp_path, policy=Policy((rule("all", longest=90 * 60_000),))) as at:
        reply = await at.click(SILENCE, duration="2h")
        assert reply.toast.en == "You may silence for 1h30m at most: choose a shorter time"
        assert (await at.snapshot()).incident.silences == ()


async def test_a_silence_that_is_too_wide_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    async with bench(tmp_path, policy=Policy((rule("all", match="instance=db-1"),))) as at:
        reply = await at.click(SILENCE)
        assert reply.toast.en == "You may only silence what names instance: choose a narrower scope"
        (member,) = (await at.snapshot()).members
        reply = await at.click(SILENCE, scope=member.fingerprint)
        assert len((await at.snapshot()).incident.silences) == 1


async def test_whose_address_is_not_known_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path, policy=Policy((rule("li@example.com"),))) as at:
        reply = await at.click(ACK)
        assert reply.toast.en == "It is not known yet who li@example.com is: try again in a minute"
        assert (
            at.counted("receiver_refusals_total", action="acknowledge", reason="unknown_person")
            == 1
        )


class Known:
    """A channel that knows one address."""

    def known_person(self, email: str) -> str | None:
        """Return whose it is."""
        return {"li@example.com": "ou_li", "gone@example.com": ""}.get(email)

    def known_name(self, open_id: str) -> str:
        """Return no name."""
        return open_id[:0]


def test_what_is_known_of_a_clicker_is_that_channels() -> None:
    policy = Policy((rule("li@example.com", "gone@example.com", "new@example.com", "oncall:db"),))
    access = access_of(policy, LI, Known(), lambda actor: frozenset({actor.name}))
    assert access == Access(
        policy,
        lists=frozenset({"李雷"}),
        emails=frozenset({"li@example.com"}),
        unresolved=frozenset({"new@example.com"}),
    )
    assert access_of(policy, HAN, Known(), lambda _: frozenset()).emails == frozenset()
    assert access_of(Policy(), LI, Known(), lambda _: frozenset({"db"})) == FREE


def test_a_channel_without_a_directory_knows_nobody() -> None:
    policy = Policy((rule("li@example.com"),))
    bot = FeishuBot.__new__(FeishuBot)
    access = access_of(policy, LI, bot, lambda _: frozenset())
    assert access.unresolved == {"li@example.com"}


@pytest.mark.parametrize(
    ("ruling", "en"),
    [
        (Ruling(PolicyReason.NOT_PERMITTED), "Not permitted by the policy: nobody may"),
        (Ruling(PolicyReason.NOT_PERMITTED, ("all",)), "everybody"),
        (Ruling(PolicyReason.NOT_PERMITTED, ("ou_li", "on_x")), "Li Lei, on_x"),
        (Ruling(PolicyReason.TOO_WIDE), "No rule permits you to silence this much"),
        (Ruling(PolicyReason.TOO_LONG, longest=86_400_000), "1d"),
    ],
)
def test_a_ruling_is_worded(ruling: Ruling, en: str) -> None:
    toast = refusal_toast(ruling, lambda entry: {"ou_li": "Li Lei"}.get(entry, ""))
    assert en in toast.en
    assert toast.zh != toast.en


async def test_of_a_digest_what_is_permitted_is_acknowledged(tmp_path: Path) -> None:
    policy = Policy((rule("all", match='instance=~"host-[12]"'),))
    async with storm(tmp_path, policy=policy) as at:
        reply = await at.click(ACK)
        assert reply.toast.en == "Acknowledged 2; 4 not permitted"
        assert await at.owners() == ["ou_li"] * 2 + [""] * 4
        assert [line.kind for line in await at.at.store.timeline(3)][-1] == "refused"
        assert json.loads(reply.content or "{}")["content"]["header"]["template"] == "orange"


async def test_of_a_digest_nothing_is_permitted(tmp_path: Path) -> None:
    async with storm(tmp_path, policy=Policy((rule("ou_wang"),))) as at:
        before = await at.snapshot()
        reply = await at.click(ACK)
        assert reply.toast.en == "Not permitted by the policy. Who may: ou_wang"
        assert await at.owners() == [""] * 6
        assert await at.snapshot() == before
        assert (await at.at.store.timeline(at.digest))[-1].kind == "refused"


@pytest.mark.parametrize(
    ("match", "permitted"),
    [
        ('rack="r1"', True),
        ('source="prod"', True),
        ('instance="host-1"', False),
        ('rack="x"', False),
    ],
)
async def test_a_digests_silence_must_be_permitted_for_all(
    match: str, *, permitted: bool, tmp_path: Path
) -> None:
    async with storm(tmp_path, policy=Policy((rule("all", match=match),))) as at:
        await at.click(SILENCE)
        assert bool((await at.snapshot()).incident.silences) is permitted


async def test_a_digests_broad_silence_is_approved_by_another(tmp_path: Path) -> None:
    some = Rule(who=("all",), may=ALL, broad=5)
    async with (
        held_alertmanager() as alertmanager,
        storm(tmp_path, alertmanager.url, policy=Policy((some,))) as at,
    ):
        alertmanager.release.set()
        asked = await at.click(SILENCE, actor=LI)
        assert asked.toast.en.startswith("So broad a silence needs a second person")
        (request,) = (await at.snapshot()).incident.requests
        assert request.muting == 6
        drawn = json.dumps(json.loads(asked.content or ""), ensure_ascii=False)
        assert '"a": "approve"' in drawn
        assert "李雷" in drawn
        own = await at.click(ActionKind.APPROVE, actor=LI, silence=request.id)
        assert own.toast.en == "Nobody approves their own request: ask a colleague"
        assert alertmanager.bodies == []
        yes = await at.click(ActionKind.APPROVE, actor=HAN, silence=request.id)
        assert yes.toast.en == "Silenced"
        (body,) = alertmanager.bodies
        assert json.loads(body)["createdBy"] == "李雷"
        (silence,) = (await at.snapshot()).incident.silences
        assert (silence.id, silence.matchers) == (request.id, request.silences[0].matchers)
        late = await at.click(ActionKind.DECLINE, actor=HAN, silence=request.id)
        assert late.toast.en == "Nothing awaits approval here any more"


async def test_a_broad_silence_can_be_declined(tmp_path: Path) -> None:
    async with bench(tmp_path, policy=Policy((Rule(who=("all",), may=ALL, broad=0),))) as at:
        await at.click(SILENCE, actor=LI)
        again = await at.click(SILENCE, actor=HAN)
        assert again.toast.en.startswith("Another silence awaits approval")
        (request,) = (await at.snapshot()).incident.requests
        reply = await at.click(ActionKind.DECLINE, actor=HAN, silence=request.id)
        assert reply.toast.en == "Declined: nothing is silenced"
        assert (await at.snapshot()).incident.silences == ()
