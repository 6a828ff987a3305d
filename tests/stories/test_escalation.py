"""Nobody takes an incident: people are called in steps, each once, until somebody does."""

from pathlib import Path

from receiver.channels.base import Limit
from receiver.domain.card import Call
from receiver.sandbox.server import serve_sandbox
from receiver.sandbox.state import Message
from tests.stage import PRODUCTION, alert, over, team_of, words
from tests.stories.duty import MINUTE, Duty, duty
from tests.stories.setting import bot_of


async def fired(at: Duty) -> Message:
    await at.fire(alert(instance="a"))
    card = await at.message()
    await at.quiet()
    return card


async def kinds(at: Duty) -> list[str]:
    return [line["kind"] for line in (await at.incident(1))["timeline"]]


async def test_people_are_called_step_by_step_until_somebody_takes_it(tmp_path: Path) -> None:
    async with duty(tmp_path) as at:
        card = await fired(at)
        at.later(5 * MINUTE)
        reply = await at.message(number=2)
        assert "李雷" in [each["name"] for each in reply.mentions]
        await at.shows(card, "by a mention")
        at.later(5 * MINUTE)
        await at.until(lambda: at.buzzes() == [("app", ("李雷",))])
        await at.shows(card, "in the app")
        at.later(5 * MINUTE)
        await at.until(lambda: at.buzzes()[1:] == [("sms", ("李雷",))])
        await at.shows(card, "Sent an SMS to **李雷**")
        at.later(5 * MINUTE)
        await at.until(lambda: at.buzzes()[2:] == [("phone", ("李雷",))])
        await at.shows(card, "Phoned **李雷**")
        await at.quiet()
        at.later(60 * MINUTE)
        await at.quiet()
        assert [kind for kind in await kinds(at) if "escal" in kind] == [
            "card_escalated" if part == "card" else f"escalation_{via}{part}"
            for via in ("mention", "app", "sms", "phone")
            for part in ("", "_done", "card")
        ]
        assert await at.metric("receiver_escalation_steps_total", outcome="done") == 4


async def test_an_acknowledgement_stops_it_and_its_end_begins_anew(tmp_path: Path) -> None:
    route = {
        "targets": [f"ops:{PRODUCTION}"],
        "escalation": "database",
        "acknowledge_for": "30m",
        "notify": [],
    }
    async with duty(tmp_path, routes=[route]) as at:
        card = await fired(at)
        at.later(4 * MINUTE)
        await at.click(card, "acknowledge")
        await at.quiet()
        at.later(20 * MINUTE)
        await at.quiet()
        assert at.buzzes() == []
        at.later(6 * MINUTE)
        await at.when(lambda: _has(at, "reminded"))
        at.later(6 * MINUTE)
        await at.when(lambda: _has(at, "lapsed"))
        assert not [kind for kind in await kinds(at) if kind.startswith("escalation_")]
        at.later(6 * MINUTE)
        await at.when(lambda: _has(at, "escalation_mention_done"))
        await at.fire(over(alert(instance="a")))
        await at.turns(card, "green")
        at.later(60 * MINUTE)
        await at.quiet()
        assert at.buzzes() == []


async def _has(at: Duty, kind: str) -> bool:
    return any(kind in each for each in await kinds(at))


async def test_a_quota_that_is_used_up_is_seen_and_the_next_step_taken_at_once(
    tmp_path: Path,
) -> None:
    steps = [{"after": "5m", "via": "sms", "whom": ["oncall:db"]}, {"after": "30m", "via": "phone"}]
    async with duty(tmp_path, steps, operators_target="ops:oc_platform_team") as at:
        at.desk.turn(urgent_sms_quota=0)
        card = await fired(at)
        at.later(5 * MINUTE)
        await at.until(lambda: at.buzzes() == [("phone", ("李雷",))])
        await at.shows(
            card, "Sent no SMS", "quota of urgent messages is used up", "Phoned **李雷**"
        )
        notes = "oc_platform_team"  # the source that cannot be asked has one there too
        await at.until(lambda: any("quota of urgent" in words(one) for one in at.messages(notes)))
        assert await at.metric("receiver_escalation_steps_total", via="sms", outcome="failed") == 1


async def test_a_person_escalates_at_once(tmp_path: Path) -> None:
    async with duty(tmp_path) as at:
        card = await fired(at)
        clicked = await at.click(card, "escalate")
        assert clicked.toast is not None
        assert clicked.toast["type"] == "success"
        await at.message(number=2)
        await at.shows(card, "by a mention")
        lines = (await at.incident(1))["timeline"]
        (line,) = [each for each in lines if each["kind"] == "escalation_mention"]
        assert line["actor"] == "韩梅梅"


async def test_a_group_bot_is_told_by_a_message_of_its_own_and_can_buzz_nobody(
    tmp_path: Path,
) -> None:
    async with duty(tmp_path) as at:
        pass
    folder = tmp_path / "bot"
    folder.mkdir()
    async with serve_sandbox() as sandbox:
        who = next(iter(sandbox.state.users))
        bot = bot_of(sandbox)
    steps = [
        {"after": "5m", "via": "mention", "whom": [who]},
        {"after": "10m", "via": "phone"},
    ]
    routes = [{"targets": ["legacy"], "escalation": "database"}]
    async with duty(folder, steps, routes=routes) as at:
        hook = team_of(at.sandbox).hook
        await at.fire(alert(instance="a"))
        await at.message(hook.chat_id)
        await at.quiet()
        at.later(5 * MINUTE)
        await at.message(hook.chat_id, number=2)
        await at.when(lambda: _has(at, "escalation_mention_done"))
        at.later(5 * MINUTE)
        await at.when(lambda: _has(at, "escalation_phone_failed"))
        assert bot["name"] == "legacy"


async def test_a_call_whose_answer_is_lost_is_never_repeated(tmp_path: Path) -> None:
    steps = [{"after": "5m", "via": "phone", "whom": ["oncall:db"]}, {"after": "9m", "via": "app"}]
    async with duty(tmp_path, steps) as at:
        card = await fired(at)
        at.desk.fault("urgent_phone", "reset", after=True)
        at.later(5 * MINUTE)
        await at.shows(card, "Phoned **李雷**", "not certain")
        at.later(4 * MINUTE)
        await at.until(lambda: at.buzzes() == [("phone", ("李雷",)), ("app", ("李雷",))])
        assert at.calls("urgent_phone").count(0) == 1
        assert await _has(at, "escalation_phone_unknown")


async def test_nobody_is_phoned_who_took_it_while_the_call_waited_for_room(tmp_path: Path) -> None:
    async with duty(tmp_path, [{"after": "5m", "via": "phone", "whom": ["oncall:db"]}]) as at:
        card = await fired(at)
        full = Limit(f"app:{at.app.app_id}:{Call.URGENT_PHONE}", 1, 0, "full")
        for _ in range(1_000):
            at.receiver.ledger.start((full,))
        at.later(5 * MINUTE)
        await at.when(lambda: _has(at, "escalation_phone"))
        await at.click(card, "acknowledge")
        await at.when(lambda: _has(at, "escalation_phone_failed"))
        assert at.calls("urgent_phone") == []
        assert at.buzzes() == []
        lines = (await at.incident(1))["timeline"]
        assert "not needed any more" in str([each["detail"] for each in lines])


async def test_what_surely_called_nobody_is_tried_again(tmp_path: Path) -> None:
    async with duty(tmp_path, [{"after": "5m", "via": "app", "whom": ["oncall:db"]}]) as at:
        card = await fired(at)
        at.desk.fault("urgent_app", "code", code=99991400, ms=1000)
        at.later(5 * MINUTE)
        await at.shows(card, "Buzzed **李雷** in the app")
        assert at.calls("urgent_app") == [99991400, 0]
        assert at.buzzes() == [("app", ("李雷",))]


async def test_a_list_that_is_empty_is_told_and_the_next_step_taken(tmp_path: Path) -> None:
    file = tmp_path / "duty.ics"
    file.write_bytes(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n")
    han = "han@example.com"
    async with duty(
        tmp_path,
        [{"after": "5m", "via": "app", "whom": ["oncall:db"]}, {"after": "9m", "via": "app"}],
        oncall=[{"name": "db", "ical": {"file": "duty.ics"}}],
        escalations=[
            {
                "name": "database",
                "steps": [
                    {"after": "5m", "via": "phone", "whom": ["oncall:db"]},
                    {"after": "50m", "via": "app", "whom": [han]},
                ],
            }
        ],
    ) as at:
        card = await fired(at)
        at.later(5 * MINUTE)
        await at.shows(card, "Phoned nobody", "the list is empty")
        await at.until(lambda: at.buzzes() == [("app", ("韩梅梅",))])
