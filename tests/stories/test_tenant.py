"""What a tenant does to its app: a month's quota that ends, and a bot that is thrown out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from receiver.sandbox.server import Sandbox, serve_sandbox
from tests.stories.bodies import alert, body, over
from tests.stories.cards import Json, words
from tests.stories.scene import Scene, Told, reading, said_in, scene, storm
from tests.stories.setting import (
    PLATFORM,
    PRODUCTION,
    SERVICE,
    app_of,
    bot_of,
    team_of,
)

pytestmark = pytest.mark.soak

QUOTA = 40
FRUGAL = 28  # seven tenths
EXHAUSTED = 99991403
NOT_IN_CHAT = 230002
FIRST_PROBE = 10.0
PATIENCE = 30.0
PROMPT_MS = 2_000
# Calls that were under way when the first refusal came: a chat takes five a second.
UNDER_WAY = 5


def _one(name: str, severity: str = "warning", team: str = "a") -> Json:
    return alert("QueueFull", instance=name, severity=severity, team=team)


async def _fire(
    at: Scene, names: Sequence[str], severity: str = "warning", team: str = "a"
) -> None:
    for name in names:
        await _post(at, _one(name, severity, team))


async def _post(at: Scene, one: Json) -> None:
    key = f'{{}}:{{instance="{one["labels"]["instance"]}"}}'
    await at.post(body(one, groupKey=key))


def _names(what: str, count: int) -> list[str]:
    return [f"{what}-{number:02}" for number in range(count)]


def _operators(sandbox: Sandbox) -> Json:
    """Found a group bot that tells operators, in a chat of their own, and return its entry."""
    hook = sandbox.state.add_hook(SERVICE, "operators")
    url = sandbox.hook_url.rpartition("/")[0]
    return {"name": "operators", "webhook_url": f"{url}/{hook.token}"}


@asynccontextmanager
async def tenant(
    folder: Path, quota: int, known: int, **keys: Json
) -> AsyncIterator[tuple[Scene, Told]]:
    """Run a receiver before a tenant with so many calls a month, which it knows to be so many."""
    async with serve_sandbox() as sandbox:
        sandbox.state.turn(monthly_quota=quota)
        free = {**app_of(sandbox), "monthly_quota": known}
        async with (
            scene(
                sandbox,
                folder,
                feishu=[free, bot_of(sandbox), _operators(sandbox)],
                operators_target="operators",
                routes=[{"targets": [f"ops:{PRODUCTION}"], "fallback": "legacy"}],
                **storm(enabled=False),
                **keys,
            ) as at,
            reading(sandbox) as told,
        ):
            yield at, told


def _once(at: Scene, names: Sequence[str]) -> None:
    """Check that each was told in one message, in either chat."""
    both = [*at.messages(PRODUCTION), *at.messages(PLATFORM)]
    counts = {name: len(found) for name, found in said_in(both, names).items()}
    assert set(counts.values()) == {1}, counts


async def test_a_free_tenant_keeps_its_last_calls_for_critical_cards(tmp_path: Path) -> None:
    lesser, critical = _names("lesser", 35), _names("critical", 5)
    async with tenant(tmp_path, QUOTA, QUOTA) as (at, told):
        await at.calm(2 * PATIENCE)
        await _fire(at, lesser)
        await told.of(lesser, PATIENCE)
        _once(at, lesser)
        assert FRUGAL - 1 <= len(at.messages(PRODUCTION)) <= FRUGAL
        await _fire(at, critical, "critical")
        await told.of(critical, PATIENCE)
        shown = said_in(at.messages(PRODUCTION), critical)
        assert [name for name, found in shown.items() if len(found) != 1] == []
        await _post(at, over(_one(lesser[0])))
        await at.never(lambda: at.calls("patch"), 3)
        spent = len(at.calls("create"))
        assert await at.metric("receiver_delivery_quota_calls", tenant="default") == spent
        assert await at.metric("receiver_delivery_quota_limit", tenant="default") == QUOTA
        moved = len(lesser) + len(critical) - spent
        assert await at.metric("receiver_delivery_moved_total", channel="ops") == moved
        assert {call.code for call in at.calls()} == {0}


async def test_at_the_end_of_the_quota_everything_goes_to_the_fallback_and_operators_know(
    tmp_path: Path,
) -> None:
    first, then = _names("first", 20), [*_names("then", 5)]
    async with tenant(tmp_path, 10, 10_000) as (at, told):
        await at.calm(2 * PATIENCE)
        await _fire(at, first)
        await _fire(at, ["urgent-01"], "critical")
        await told.of([*first, "urgent-01"], PATIENCE)
        _once(at, [*first, "urgent-01"])
        refused = [call for call in at.calls("create") if call.code == EXHAUSTED]
        assert 1 <= len(refused) <= UNDER_WAY
        [note] = await at.sent(SERVICE, 1, 10)
        assert "quota" in words(note).lower()
        made = len(at.calls("create"))
        await _fire(at, then, "critical")
        await told.of(then, PATIENCE)
        assert all(said_in(at.messages(PLATFORM), then).values())
        assert len(at.calls("create")) == made
        assert await at.metric("receiver_delivery_circuits", channel="ops", reason="quota") == 1
        moved = len([*first, "urgent-01", *then]) - len(at.messages(PRODUCTION))
        assert await at.metric("receiver_delivery_moved_total", channel="ops") == moved
        assert len(at.messages(SERVICE)) == 1


async def test_a_bot_that_was_thrown_out_is_told_of_once_and_what_waited_is_shown_when_it_is_back(
    tmp_path: Path,
) -> None:
    waits, others = _names("waits", 10), _names("other", 5)
    async with serve_sandbox() as sandbox:
        routes = [
            {"match": ['team="a"'], "targets": [f"ops:{PRODUCTION}"]},
            {"targets": [f"ops:{PLATFORM}"]},
        ]
        feishu = [app_of(sandbox), _operators(sandbox)]
        async with (
            scene(
                sandbox, tmp_path, feishu=feishu, operators_target="operators", routes=routes
            ) as at,
            reading(sandbox) as told,
        ):
            await at.calm(2 * PATIENCE)
            app_id = team_of(sandbox).app.app_id
            at.desk.remove_bot(PRODUCTION, app_id)
            await _fire(at, waits)
            posted = at.now()
            await _fire(at, others, team="b")
            await told.of(others, PATIENCE)
            assert told.waits(dict.fromkeys(others, posted), PROMPT_MS) == {}
            await at.sent(SERVICE, 1, 10)
            assert await _letters(at) == len(waits)
            assert await at.metric("receiver_delivery_circuits", channel="ops") == 1
            at.desk.chats[PRODUCTION].apps.add(app_id)
            await told.of(waits, FIRST_PROBE + PATIENCE)
            shown = said_in(at.messages(PRODUCTION), waits)
            assert [name for name, found in shown.items() if len(found) != 1] == []
            assert await _letters(at) == 0
            assert await at.metric("receiver_delivery_circuits", channel="ops") == 0
            refused = [call for call in at.calls("create") if call.code == NOT_IN_CHAT]
            assert len(refused) <= UNDER_WAY + 1  # and one probe that came before the bot
            (stopped,) = at.messages(SERVICE)  # told once, whatever number waited
            assert "has stopped" in words(stopped)
            assert "add the bot to the chat" in words(stopped)


async def _letters(at: Scene) -> int:
    return len((await at.api("dead-letters"))["dead_letters"])
