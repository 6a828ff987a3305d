"""People's names are learned at the start, without spending the app's calls of a second."""

from pathlib import Path

import pytest
import yaml

from receiver.acquaintance import LEARN_APART
from receiver.app import World, real_world
from receiver.sandbox.server import serve_sandbox
from receiver.sandbox.state import Call
from tests.stage import played, settings, stage

CHATS = 60
A_SECONDS_CALLS = 50  # of an app, for each API


class Counting(World):
    """A world that counts the waits between chats."""

    apart: int = 0

    @staticmethod
    async def pause(seconds: float) -> None:
        """Wait."""
        Counting.apart += seconds == LEARN_APART
        await World.pause(seconds)


def counting() -> Counting:
    """Return the machine's own time, counted from now on."""
    Counting.apart = 0
    real = real_world()
    return Counting(now=real.now, timer=real.timer, luck=real.luck)


async def test_a_start_reads_one_chat_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 1 / LEARN_APART <= A_SECONDS_CALLS / 2  # the other half is for those who ask
    monkeypatch.setattr("tests.stage.real_world", counting)
    async with serve_sandbox() as sandbox:
        chats = [sandbox.state.add_chat(f"群 {number}").chat_id for number in range(CHATS)]
        routes = [{"targets": [f"ops:{chat}" for chat in chats]}]
        async with played(sandbox, tmp_path, routes=routes) as at:

            def learned() -> list[Call]:
                return [call for call in at.desk.calls if call.call == "members"]

            await at.until(lambda: len(learned()) >= CHATS, 60)
            calls = learned()
            assert Counting.apart >= CHATS - 1
            assert sorted(call.chat_id or "" for call in calls) == sorted(chats)
            assert {call.code for call in at.desk.calls} == {0}  # no 99991400 among them
            known = at.receiver.parts.apps["ops"].channel.known_name
            await at.until(lambda: known(at.people["韩梅梅"].open_id) == "韩梅梅")


async def test_the_policys_addresses_are_looked_up_at_the_start_and_at_a_reload(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, policy=[rule("li@example.com")]) as at:

        async def person(email: str) -> str | None:
            return at.receiver.parts.apps["ops"].channel.known_person(email)

        assert await at.when(lambda: person("li@example.com")) == "ou_li"
        assert await person("han@example.com") is None
        document = settings(at.sandbox, tmp_path, policy=[rule("han@example.com")])
        (tmp_path / "receiver.yaml").write_text(yaml.safe_dump(document), "utf-8")
        assert await at.receiver.reload() == ""
        assert await at.when(lambda: person("han@example.com")) == "ou_han"


def rule(who: str) -> dict[str, list[str]]:
    """Make a rule that permits somebody everything."""
    return {"who": [who], "may": ["all"]}
