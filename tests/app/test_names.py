"""People's names are learned at the start, without spending the app's calls of a second."""

from pathlib import Path

import yaml

from receiver.assembly import LEARN_APART
from receiver.sandbox.server import serve_sandbox
from receiver.sandbox.state import Call
from tests.stage import played, settings, stage

CHATS = 60
A_SECOND = 1_000
# Ten a second are begun; on a busy machine one or two more may arrive in the same second.
MOST = round(1 / LEARN_APART) + 2


def most_in_a_second(calls: list[Call]) -> int:
    """Return how many calls arrived in one second, at the most."""
    return max(sum(one.at <= other.at < one.at + A_SECOND for other in calls) for one in calls)


async def test_a_start_reads_one_chat_after_another(tmp_path: Path) -> None:
    async with serve_sandbox() as sandbox:
        chats = [sandbox.state.add_chat(f"群 {number}").chat_id for number in range(CHATS)]
        routes = [{"targets": [f"ops:{chat}" for chat in chats]}]
        async with played(sandbox, tmp_path, routes=routes) as at:

            def learned() -> list[Call]:
                return [call for call in at.desk.calls if call.call == "members"]

            await at.until(lambda: len(learned()) >= CHATS, 60)
            calls = learned()
            assert [call.chat_id for call in calls] == chats
            assert {call.code for call in at.desk.calls} == {0}  # no 99991400 among them
            assert most_in_a_second(calls) <= MOST
            assert calls[-1].at - calls[0].at >= (CHATS - 5) * LEARN_APART * A_SECOND
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
