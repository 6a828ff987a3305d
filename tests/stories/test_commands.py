"""People talk to the bot: by HTTP and along the long connection, in groups, threads and alone."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from receiver.sandbox.alertmanager import serve_alertmanager
from receiver.sandbox.notify import AlertmanagerConfig
from receiver.sandbox.server import serve_sandbox
from receiver.sandbox.state import Message
from receiver.store.base import Asked
from tests.real_alertmanager import wall_clock
from tests.stage import PRODUCTION, Stage, app_of, bot_of, played, source
from tests.stage import words as said
from tests.stories.bodies import alert

POLICY = [{"who": ["ou_li"], "may": ["acknowledge", "silence", "unsilence"]}]
_SILENCED = re.compile("Silenced ([0-9a-f]{8})")


def words(message: Message) -> str:
    """Return what a message says, as a reader sees it."""
    return html.unescape(said(message))


@asynccontextmanager
async def talking(folder: Path, *, stream: bool = False, **keys: Any) -> AsyncIterator[Stage]:
    """Run a receiver with an Alertmanager that makes silences."""
    async with serve_alertmanager(AlertmanagerConfig()) as made, serve_sandbox() as sandbox:
        app = app_of(sandbox)
        if stream:
            app["callbacks"] = "long_connection"
        keys = {"alertmanagers": [source(made.url)], "feishu": [app, bot_of(sandbox)], **keys}
        async with played(sandbox, folder, **keys) as at:
            if stream:
                await at.until(lambda: at.desk.tenant.lines.of(at.app.app_id))
                assert at.desk.use_long_connection(at.app.app_id) is None
            await at.fire(alert(), alert(instance="db-2"))
            await at.message()
            await at.quiet()
            yield at


async def say(
    at: Stage, text: str, *, who: str = "ou_li", reply_to: str = "", chat: str = PRODUCTION
) -> Message:
    """Call the bot in a chat, and return its answer."""
    before = len(at.messages(chat))
    called = text if chat != PRODUCTION else f'<at user_id="{at.app.bot_open_id}"></at> {text}'
    asked = at.desk.say(chat, who, called, reply_to=reply_to)

    def answered() -> Message | None:
        # In a thread the parent may be the root: then it is the next message of the bot's.
        parents = (asked.message_id, reply_to or asked.message_id)
        later = at.messages(chat)[before + 1 :]
        return next((one for one in later if one.parent_id in parents), None)

    return await at.desk.until(answered)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_silence_by_command_is_a_real_one_and_is_ended_by_its_id(
    tmp_path: Path, *, stream: bool
) -> None:
    async with talking(tmp_path, stream=stream) as at:
        card = await at.message()
        name = alert()["labels"]["alertname"]
        answer = await say(at, f"silence alertname={name} 2h new disk")
        text = words(answer)
        assert "alerts that match now: 2" in text, text
        assert "Silenced" in text, text
        await at.shows(card, "new disk")
        number = _SILENCED.findall(text)[0]
        assert number in words(await say(at, "静默列表"))
        assert "Ended" in words(await say(at, f"解除静默 {number}"))
        kinds = [line["kind"] for line in (await at.incident(1))["timeline"]]
        assert kinds.count("silence_requested") == 1
        assert "unsilence_requested" in kinds


async def test_each_question_is_answered(tmp_path: Path) -> None:
    async with talking(tmp_path) as at:
        assert "#1" in words(await say(at, "alerts"))
        assert "fire: 0" in words(await say(at, 'alerts severity="nothing"'))
        assert "silence alertname=" in words(await say(at, "help"))
        why = words(await say(at, "why 1"))
        assert "Now firing: 2 of 2 alerts fire" in why
        assert f"Card ops:{PRODUCTION}: up to date; last: card: it began to fire" in why
        assert "no such incident" in words(await say(at, "why 99"))
        wrong = words(await say(at, "silence a=~b.* 2h"))
        assert "label=value" in wrong
        assert "Write: silence" in wrong
        assert "Nothing that fires matches" in words(await say(at, "silence a=b 2h"))
        assert "no such list" in words(await say(at, "oncall nobody"))


async def test_the_list_has_what_other_tools_silenced_and_says_who_cannot_be_asked(
    tmp_path: Path,
) -> None:
    lost = {**source("http://127.0.0.1:9"), "name": "lost"}
    async with serve_alertmanager(AlertmanagerConfig()) as made:
        keys: dict[str, Any] = {"alertmanagers": [source(made.url), lost]}
        async with talking(tmp_path, **keys) as at, httpx.AsyncClient() as http:
            for number in range(12):
                await _elsewhere(http, made.url, number)
            name = alert()["labels"]["alertname"]
            await say(at, f"silence alertname={name} 2d ours")
            first = words(await say(at, "silences"))
            assert "Silences that hold: 13" in first
            assert "(prod, zhao, made elsewhere)" in first
            assert "host=h0 " in first
            assert "host=h11" not in first
            assert "Page 1 of 2" in first
            assert "lost did not answer" in first
            second = words(await say(at, "静默列表 2"))
            assert "host=h11" in second
            assert "李雷, made here" in second


async def _elsewhere(http: httpx.AsyncClient, url: str, number: int) -> None:
    now = datetime.fromtimestamp(wall_clock() / 1000, UTC)
    matcher = {"name": "host", "value": f"h{number}", "isRegex": False, "isEqual": True}
    body = {
        "matchers": [matcher],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=number + 1)).isoformat(),
        "createdBy": "zhao",
        "comment": "new **disks**",
    }
    assert (await http.post(f"{url}/api/v2/silences", json=body)).is_success


async def test_an_expression_that_names_its_values_makes_one_silence_for_each(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as at:
        await at.fire(alert(), alert(instance="db-1"), alert(instance="db-2"))
        await at.quiet()
        text = words(await say(at, 'silence instance=~"db-1|db-2|db-9" 1h rack'))
        assert len(_SILENCED.findall(text)) == 2, text
        assert "Nothing that fires matches instance=db-9: not silenced" in text
        muted = (await at.incident(1))["silences"]
        assert [one["state"] for one in muted] == ["active", "active"]
        refused = words(await say(at, "silence instance=~db-1, severity!=critical 1h"))
        assert "no != or !" in refused
        assert len((await at.incident(1))["silences"]) == 2


async def test_a_broad_silence_by_command_is_approved_by_another_on_the_card(
    tmp_path: Path,
) -> None:
    rules = [
        {"who": ["ou_li"], "may": ["silence"], "broad": 1},
        {"who": ["all"], "may": ["acknowledge", "approve"]},
    ]
    async with talking(tmp_path, policy=rules) as at:
        name = alert()["labels"]["alertname"]
        text = words(await say(at, f"silence alertname={name} 2h drill"))
        assert f"李雷 asks to silence alertname={name} (2 firing)" in text
        assert "somebody else must approve it on the card #1" in text
        assert "in this chat" in text
        private = at.desk.tenant.p2p(at.app, at.people["李雷"])
        again = words(await say(at, f"silence alertname={name} 1h x", chat=private.chat_id))
        assert "awaits approval" in again
        card = await at.message()
        await at.shows(card, "drill")
        assert (await at.incident(1))["silences"] == []
        own = await at.click(card, "approve", who="李雷")
        assert "ask a colleague" in str(own)
        await at.click(card, "approve", who="韩梅梅")
        await at.turns(card, "grey")
        kinds = [line["kind"] for line in (await at.incident(1))["timeline"]]
        assert kinds.index("approval_requested") < kinds.index("approved")
        assert kinds.count("silence_active") == 1


async def test_in_a_cards_thread_the_card_is_meant(tmp_path: Path) -> None:
    async with talking(tmp_path) as at:
        card = await at.message()
        answer = await say(at, "认领", reply_to=card.message_id)
        assert "acknowledged by 李雷" in words(answer)
        await at.shows(card, "李雷")
        answer = await say(at, "silence 1h 换盘", reply_to=card.message_id)
        assert "Silenced" in words(answer)
        await at.shows(card, "换盘")


async def test_a_cards_group_is_silenced_as_its_button_would(tmp_path: Path) -> None:
    """What its route demands of all its alerts is a matcher too, or others would be muted."""
    async with talking(tmp_path) as at:
        await at.fire(alert("Full"), groupKey='{}/{severity="critical"}:{alertname="Full"}')
        card = await at.message(number=2)
        answer = words(await say(at, "silence 1h", reply_to=card.message_id))
        assert "alertname=Full, severity=critical" in answer


async def test_alone_with_the_bot_nobody_needs_to_call_it(tmp_path: Path) -> None:
    async with talking(tmp_path) as at:
        private = at.desk.tenant.p2p(at.app, at.people["李雷"])
        answer = await say(at, "认领", chat=private.chat_id)
        assert "#1 acknowledged" in words(answer)


async def test_the_policy_of_clicks_holds_and_a_refusal_is_on_the_timeline(tmp_path: Path) -> None:
    async with talking(tmp_path, policy=POLICY) as at:
        refused = words(await say(at, "ack", who="ou_bob"))
        assert "Nothing was done" in refused
        assert "Not permitted" in refused
        kinds = [line["kind"] for line in (await at.incident(1))["timeline"]]
        assert "refused" in kinds
        assert "acknowledge" not in kinds


async def test_copies_of_a_message_are_one_command_with_one_answer(tmp_path: Path) -> None:
    async with talking(tmp_path) as at:
        at.desk.turn(event_copies=4)
        name = alert()["labels"]["alertname"]
        await say(at, f"silence {name} 1h")
        await at.until(lambda: len(at.calls("im.message.receive_v1")) == 4)
        assert at.calls("im.message.receive_v1") == [0, 0, 0, 0]
        await say(at, "help")
        answers = [one for one in at.messages() if "Silenced" in words(one) and one.parent_id]
        assert len(answers) == 1
        assert len((await at.incident(1))["silences"]) == 1


async def test_what_is_said_to_others_is_not_answered(tmp_path: Path) -> None:
    async with talking(tmp_path) as at:
        at.desk.say(PRODUCTION, "ou_li", "silence everything 2h")
        at.desk.say(PRODUCTION, "ou_li", '<at user_id="ou_bob"></at> ack')
        await at.until(lambda: len(at.calls("im.message.receive_v1")) == 2)
        before = len(at.messages())
        await say(at, "help")
        assert len(at.messages()) == before + 2  # the question and its answer


async def test_what_a_label_says_is_text_in_the_answer(tmp_path: Path) -> None:
    async with talking(tmp_path) as at:
        answer = await say(at, 'alerts a="<at id=all></at> **x**"')
        assert not answer.mentions
        wrong = await say(at, "<b>x</b>")
        assert not wrong.mentions


async def test_an_answer_survives_a_refused_call_and_comes_once(tmp_path: Path) -> None:
    async with talking(tmp_path) as at:
        at.desk.fault("reply", "json", after=True)
        await say(at, "help")
        await at.until(lambda: len(at.calls("reply")) == 2)
        assert sum("The commands" in words(one) for one in at.messages()) == 1


async def test_what_is_said_in_a_cards_thread_to_nobody_is_a_note(tmp_path: Path) -> None:
    async with talking(tmp_path) as at:
        card = await at.message()
        at.desk.say(PRODUCTION, "ou_li", "the disk was ordered", reply_to=card.message_id)

        async def noted() -> bool:
            kinds = [line["kind"] for line in (await at.incident(1))["timeline"]]
            return "note" in kinds

        await at.when(noted)
        assert len(at.messages()) == 2  # nobody is answered


async def test_what_a_stop_left_is_done_once_by_the_next_run(tmp_path: Path) -> None:
    async with serve_alertmanager(AlertmanagerConfig()) as made, serve_sandbox() as sandbox:
        keys = {"alertmanagers": [source(made.url)]}
        async with played(sandbox, tmp_path, **keys) as at:
            await at.fire(alert())
            await at.message()
            await at.quiet()
            # Nobody can say which bot is called: the message is heard, and not answered yet.
            at.desk.fault("bot_info", "json", times=1_000)
            at.desk.say(PRODUCTION, "ou_li", f'<at user_id="{at.app.bot_open_id}"></at> ack 1')
            await at.until(lambda: at.calls("im.message.receive_v1") == [0])
            await at.until(lambda: at.calls("bot_info"))
        sandbox.state.tenant.faults.clear()
        async with played(sandbox, tmp_path, **keys) as at:
            await at.until(lambda: len(at.messages()) == 3)
            assert "#1 acknowledged by 李雷" in words(at.messages()[2])
            kinds = [line["kind"] for line in (await at.incident(1))["timeline"]]
            assert kinds.count("acknowledge") == 1


@pytest.mark.parametrize("pushed_again", [False, True])
async def test_what_waited_too_long_is_not_done_and_answered_so(
    tmp_path: Path, *, pushed_again: bool
) -> None:
    """Here, or at the platform, which pushes for hours what it cannot deliver."""
    async with talking(tmp_path) as at:
        called = {"key": "@_user_1", "open_id": at.app.bot_open_id, "name": "", "bot": True}
        text = "@_user_1 ack 1"
        asked = at.desk.say(PRODUCTION, "ou_li", "a message of an hour ago")
        message: dict[str, object] = {
            "message_id": asked.message_id,
            "chat_id": PRODUCTION,
            "open_id": "ou_li",
            "text": text,
            "mentions": [called],
        }
        now = at.desk.clock.now()
        hour_ago = now - 3_600_000
        message["created_at"] = hour_ago if pushed_again else now
        value = msgspec.json.encode({"app": "ops", "message": message})
        await at.receiver.store.ask(Asked("ops:late", now if pushed_again else hour_ago, value))
        await at.receiver.stop()
        async with played(at.sandbox, tmp_path) as again:
            await again.until(lambda: len(again.messages()) == 3)
            assert "not done in time" in words(again.messages()[2])
            kinds = [line["kind"] for line in (await again.incident(1))["timeline"]]
            assert "acknowledge" not in kinds
