"""POST /callbacks/feishu/{app}: who may call, what is answered, and what is never changed."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.callback import feishu as endpoint
from receiver.callback.toasts import NOT_KEPT
from receiver.channels.feishu.callback import BODY_LIMIT, FRESH
from receiver.channels.feishu.client import FeishuApp
from receiver.channels.feishu.value import VERSION, action_value
from receiver.domain.action import Action, ActionKind
from receiver.domain.policy import FREE, Access
from receiver.domain.silence import SilenceState
from receiver.store.base import Acted, Unavailable
from receiver.store.sqlite import SqliteStore
from tests.app.held import held_alertmanager
from tests.callback.bench import KEYS, Bench, Json, bench, clicked

ACK = action_value(ActionKind.ACKNOWLEDGE, 1, 1, 1)
PATH = "/callbacks/feishu/ops"
REFUSAL = {"title": "refused", "status": 403, "detail": "this request is not acceptable"}


async def send(at: Bench, document: Json, nonce: str = "nonce") -> tuple[int, Json]:
    """Send a callback as the platform does, and return status and answer."""
    raw, headers = at.signed(document, nonce)
    async with at.client() as http:
        answer = await http.post(PATH, content=raw, headers=headers)
    return answer.status_code, answer.json()


def outcomes(at: Bench) -> dict[str, float]:
    """Return how many callbacks had which outcome."""
    known = at.metrics.callbacks.requests.known("outcome")
    name = "receiver_callback_requests_total"
    counted = {one: at.counted(name, app="ops", outcome=one) for one in known}
    return {one: count for one, count in counted.items() if count}


async def test_a_click_is_answered_with_toast_and_card(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        status, answer = await send(at, clicked(ACK))
        assert status == 200
        assert answer["toast"]["type"] == "success"
        assert answer["toast"]["i18n"] == {"zh_cn": "已认领", "en_us": "Acknowledged"}
        assert answer["card"]["type"] == "raw"
        assert answer["card"]["data"]["header"]["template"] == "blue"
        assert outcomes(at) == {"ok": 1}
        (line,) = [event for event in at.events() if event["event"] == "click"]
        assert (line["action"], line["incident"], line["actor"]) == ("acknowledge", 1, "ou_han")


async def test_the_same_request_is_accepted_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        assert (await send(at, clicked(ACK)))[0] == 200
        before = await at.snapshot()
        assert await send(at, clicked(ACK)) == (403, REFUSAL)
        assert outcomes(at) == {"ok": 1, "replayed": 1}
        # The same click in a request of its own is known by its event's id.
        status, answer = await send(at, clicked(ACK), "another-nonce")
        assert status == 200
        assert answer["toast"]["i18n"]["en_us"] == "This click was handled already"
        assert await at.snapshot() == before


async def test_a_replay_is_known_for_as_long_as_its_timestamp_is_fresh(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        raw, headers = at.signed(clicked(ACK))
        async with at.client() as http:
            at.clock.at -= FRESH * 1000  # our clock is as far behind as it may be
            first = await http.post(PATH, content=raw, headers=headers)
            at.clock.at += 2 * FRESH * 1000 - 1000
            second = await http.post(PATH, content=raw, headers=headers)
            at.clock.at += 2000
            third = await http.post(PATH, content=raw, headers=headers)
        assert [answer.status_code for answer in (first, second, third)] == [200, 403, 403]
        assert outcomes(at) == {"ok": 1, "replayed": 1, "stale": 1}


async def test_an_unknown_app_and_a_wrong_method_are_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as at, at.client() as http:
        raw, headers = at.signed(clicked(ACK))
        other = await http.post("/callbacks/feishu/other", content=raw, headers=headers)
        assert other.status_code == 404
        assert other.headers["content-type"] == "application/problem+json"
        assert (await http.get(PATH)).status_code == 405
        assert (await http.post(f"{PATH}/", content=raw, headers=headers)).status_code == 200


async def test_what_cannot_be_verified_is_refused_alike(tmp_path: Path) -> None:
    async with bench(tmp_path) as at, at.client() as http:
        raw, headers = at.signed(clicked(ACK))
        forged = {**headers, "X-Lark-Signature": "0" * 64}
        bodies: list[tuple[bytes, dict[str, str]]] = [
            (raw, forged),
            (raw, {}),
            (raw + b" ", headers),
            (b"", headers),
            (b"\xff" * 100, headers),
            (b"x" * (BODY_LIMIT + 1), headers),
        ]
        for content, given_headers in bodies:
            answer = await http.post(PATH, content=content, headers=given_headers)
            assert (answer.status_code, answer.json()) == (403, REFUSAL)
        assert outcomes(at) == {"forged": 5, "malformed": 1}
        assert (await at.snapshot()).incident.ack is None


async def test_a_challenge_is_answered_and_an_unasked_event_acknowledged(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        asked = {
            "type": "url_verification",
            "challenge": "a-challenge",
            "token": KEYS.verification_token,
        }
        assert await send(at, asked) == (200, {"challenge": "a-challenge"})
        event = clicked(ACK)
        event["header"]["event_type"] = "im.chat.updated_v1"
        assert await send(at, event, "second") == (200, {})
        assert outcomes(at) == {"challenge": 1, "ok": 1}


async def test_a_store_that_is_closed_is_told_in_a_toast(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.shut()
        status, answer = await send(at, clicked(ACK))
        assert status == 200
        assert answer["toast"]["type"] == "error"
        assert answer["toast"]["i18n"] == {"zh_cn": NOT_KEPT.zh, "en_us": NOT_KEPT.en}
        assert "card" not in answer
        assert outcomes(at) == {"failed": 1}


class Deaf(SqliteStore):
    """A store that knows replays and keeps no click."""

    async def act(self, *_: Any) -> Any:
        """Fail to keep it."""
        raise Unavailable("timeout", "the store did not commit in time")


async def test_a_click_that_is_not_kept_in_time_is_told_in_a_toast(tmp_path: Path) -> None:
    async with bench(tmp_path, open_store=Deaf) as at:
        status, answer = await send(at, clicked(ACK))
        assert status == 200
        assert answer["toast"]["i18n"] == {"zh_cn": NOT_KEPT.zh, "en_us": NOT_KEPT.en}
        assert "card" not in answer
        assert at.counted("receiver_actions_total", action="acknowledge", outcome="failed") == 1


class Held(SqliteStore):
    """A store whose answer to a click is held back, before or after it was kept."""

    kept = True
    limit: asyncio.Timeout  # of the callback under way

    async def act(self, action: Action, now: int, access: Access = FREE) -> Acted:
        """Keep the click, or not, and never say so; then the time to answer is over."""
        if self.kept:
            await super().act(action, now, access)
        self.limit.reschedule(asyncio.get_running_loop().time())
        await asyncio.Event().wait()
        raise Unavailable("timeout")


@pytest.fixture(name="_timeless")
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time to answer be over when the store says so, however busy the machine is."""

    def limit() -> asyncio.Timeout:
        monkeypatch.setattr(Held, "limit", asyncio.timeout(None), raising=False)
        return Held.limit

    monkeypatch.setattr(endpoint, "limit", limit)


class Lost(SqliteStore):
    """A store that keeps a click, and cannot say so."""

    async def act(self, action: Action, now: int, access: Access = FREE) -> Acted:
        """Keep it; the answer is lost."""
        await super().act(action, now, access)
        raise Unavailable("timeout", "the store did not commit in time")


SILENCING: Json = {"scope": "group", "duration": "1h", "comment": "planned"}
SILENCE = action_value(ActionKind.SILENCE, 1, 1, 1)
UNCERTAIN = {"zh_cn": NOT_KEPT.zh, "en_us": NOT_KEPT.en}


@pytest.mark.usefixtures("_timeless")
@pytest.mark.parametrize("kept", [True, False])
async def test_a_click_is_answered_in_time_whatever_the_store_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    assert endpoint.ANSWER_MOST < 3  # the platform waits three seconds
    monkeypatch.setattr(Held, "kept", kept)
    async with bench(tmp_path, open_store=Held) as at, asyncio.timeout(20):
        status, answer = await send(at, clicked(ACK))  # ends though the store never answers
        assert status == 200
        assert answer["toast"]["type"] == "error"
        assert answer["toast"]["i18n"] == UNCERTAIN
        assert "card" not in answer
        assert outcomes(at) == {"failed": 1}
        assert ((await at.snapshot()).incident.ack is not None) is kept


@pytest.mark.usefixtures("_timeless")
@pytest.mark.parametrize("store", [Held, Lost])
async def test_a_silence_that_was_kept_but_not_answered_is_made_once(
    tmp_path: Path, store: type[SqliteStore]
) -> None:
    async with (
        held_alertmanager() as alertmanager,
        bench(tmp_path, alertmanager=alertmanager.url, open_store=store) as at,
    ):
        alertmanager.release.set()
        _, answer = await send(at, clicked(SILENCE, form_value=SILENCING))
        assert answer["toast"]["i18n"] == UNCERTAIN
        (asked,) = (await at.snapshot()).incident.silences
        assert asked.state is SilenceState.REQUESTED
        assert alertmanager.bodies == []
        for _ in range(3):
            await at.silencing.resume()  # as the clock does
            await at.silencing.outcomes((asked,), 20)
        (silence,) = (await at.snapshot()).incident.silences
        assert silence.state is SilenceState.ACTIVE
        assert await at.store.intents() == []
        assert at.woken
        # The clicker tries again, as the toast says: the platform sends the click once more.
        at.store.__class__ = SqliteStore
        _, again = await send(at, clicked(SILENCE, form_value=SILENCING), "second")
        assert again["toast"]["i18n"]["en_us"] == "This click was handled already"
        _, other = await send(at, clicked(SILENCE, "event-2", form_value=SILENCING), "third")
        assert other["toast"]["type"] == "info"
        await at.silencing.resume()
        assert len((await at.snapshot()).incident.silences) == 1
        assert len(alertmanager.bodies) == 1


class Listening(FeishuApp):
    """A channel that knows one person, and notes whose names it is to learn."""

    asked: list[str]

    def known_name(self, open_id: str) -> str:
        """Know one person."""
        return "韩梅梅" if open_id == "ou_han" else ""

    def prefetch(self, chat_id: str) -> None:
        """Note the chat."""
        self.asked.append(chat_id)


async def test_a_clicker_whose_name_is_not_known_has_the_chat_s_names_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listening, "asked", [], raising=False)
    async with bench(tmp_path) as at:
        at.channel.__class__ = Listening
        await send(at, clicked(ACK))
        assert Listening.asked == []
        ack = (await at.snapshot()).incident.ack
        assert ack is not None
        assert ack.actor.name == "韩梅梅"
        document = clicked(ACK, "event-2")
        document["event"]["operator"] |= {"open_id": "ou_stranger", "union_id": "on_stranger"}
        _, answer = await send(at, document, "second")
        assert Listening.asked == ["oc_1"]
        assert answer["toast"]["i18n"]["en_us"] == "Acknowledged, together with 韩梅梅"


async def test_no_secret_of_a_click_is_logged(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await send(at, clicked(ACK))
        await send(at, clicked({"v": 9}), "second")
        log = at.log.getvalue().decode()
        assert "click" in log
        assert "c-anupdatetoken" not in log
        assert KEYS.verification_token not in log
        assert KEYS.encrypt_key not in log


WORDS = st.sampled_from([*ActionKind, "v", "a", "i", "c", "g", "escalate", "", "1"])
NUMBERS = st.integers(-3, 5) | st.sampled_from([2**63, -(2**63), 2**70, 10**300]) | st.booleans()
LEAVES = (
    st.none()
    | NUMBERS
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | WORDS
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
ALMOST = st.fixed_dictionaries(
    {"v": st.just(VERSION) | LEAVES, "a": WORDS | LEAVES, "i": NUMBERS, "c": NUMBERS},
    optional={"g": NUMBERS, "x": JSON},
)
VALUES = (JSON | ALMOST | ALMOST.map(json.dumps)).filter(lambda value: not _ours(value))
FIELDS = st.dictionaries(
    st.sampled_from(["scope", "duration", "comment", "other"]), JSON, max_size=4
)


def _ours(value: object) -> bool:
    """Say whether a value could stand on the incident's own card: that one may be clicked."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return False
    return isinstance(value, dict) and value.get("i") == 1 and value.get("c") == 1


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder for all examples of a property."""
    return iter(lambda: tmp_path_factory.mktemp("hostile"), None)


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.tuples(VALUES, FIELDS, JSON), min_size=1, max_size=4))
def test_the_values_of_hostile_cards_are_answered_and_change_nothing(
    values: list[tuple[Any, Any, Any]], folders: Iterator[Path]
) -> None:
    asyncio.run(_nothing_changes(values, next(folders)))


async def _nothing_changes(values: list[tuple[Any, Any, Any]], folder: Path) -> None:
    async with bench(folder) as at:
        before = await everything(at)
        for number, (value, fields, odd) in enumerate(values):
            document = clicked(value, f"event-{number}", form_value=fields)
            status, answer = await send(at, document, f"nonce-{number}")
            assert status == 200
            assert answer["toast"]["type"] in {"error", "warning", "info"}
            assert answer["toast"]["i18n"].keys() == {"zh_cn", "en_us"}
            assert "card" not in answer
            strange = clicked(value, f"odd-{number}", option=odd, form_value=odd)
            status, _ = await send(at, strange, f"odd-{number}")
            assert status in {200, 403}
        assert await everything(at) == before
        assert at.woken == []
        assert not [event for event in at.events() if event["level"] == "error"]


async def everything(at: Bench) -> tuple[Any, ...]:
    """Return all that a click could change."""
    snapshot = await at.snapshot()
    return snapshot, await at.store.timeline(1), await at.store.cards(1), await at.store.intents()
