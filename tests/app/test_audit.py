"""What people did is told by the API and by ``receiver audit``: who, where, with which result."""

import contextlib
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from receiver.auditing import BadTime, lines_of, moment_of
from receiver.channels.feishu.value import action_value
from receiver.domain.action import ActionKind
from receiver.domain.audit import Trail
from receiver.domain.incident import Line
from receiver.ops.audit import audit_line
from receiver.store.base import Deed, Entry, Unusable
from receiver.store.trail import AT_ONCE
from tests.app.ports import ops_of, store_at
from tests.app.process import run
from tests.domain.made import NOW, notice
from tests.stage import PRODUCTION, settings, stage
from tests.store.made import N1, RULES, click
from tests.stories.bodies import alert
from tests.stories.cards import words

ROUTES = [{"targets": [f"ops:{PRODUCTION}"]}]
Json = dict[str, Any]
SECRET = "hunter2"  # noqa: S105  (nobody else's)


def write(folder: Path, document: Json) -> None:
    """Write a configuration."""
    (folder / "receiver.yaml").write_text(yaml.safe_dump(document), "utf-8")


def read(text: str) -> list[Json]:
    """Return the objects of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


async def test_a_click_and_a_reload_are_told_by_both(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=ROUTES) as at:
        await at.fire(alert(instance="a"))
        card = await at.message()
        await at.quiet()
        await at.click(card, "acknowledge")
        late = action_value(ActionKind.UNSILENCE, 1, 1, 1)
        await at.send(at.callback("李雷", card, late))
        assert await at.receiver.reload() == ""
        assert (await at.http.post(f"{at.receiver.ops_url}/-/reload")).status_code == 200
        answer = await at.http.get(f"{at.receiver.ops_url}/api/v1/audit")
        assert answer.headers["content-type"] == "application/x-ndjson"
        ended = await run("audit", "--config", tmp_path / "receiver.yaml")
        assert ended.code == 0, ended.err
        assert ended.out == answer.text
        started, acked, again, signal, http = read(answer.text)
        only = await run("audit", "--config", tmp_path / "receiver.yaml", "--kind", "click")
        assert read(only.out) == [again]
    assert (started["kind"], started["incident"]) == ("started", None)
    assert (acked["kind"], acked["result"], acked["incident"]) == ("acknowledge", "done", 1)
    assert acked["name"] == "韩梅梅"
    assert acked["open_id"] == at.people["韩梅梅"].open_id
    assert acked["union_id"] == at.people["韩梅梅"].union_id
    assert acked["place"] == f"ops:{PRODUCTION}"
    assert (again["detail"], again["result"]) == ("unsilence", "not_silenced")
    assert (signal["kind"], signal["name"], signal["detail"]) == (
        "config_reload",
        "SIGHUP",
        "nothing",
    )
    assert (http["name"], http["place"], http["result"]) == ("HTTP", "127.0.0.1", "reloaded")
    assert [line["id"] for line in read(answer.text)] == sorted(
        line["id"] for line in read(answer.text)
    )


async def test_a_reload_names_the_keys_and_never_a_value(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=ROUTES) as at:
        document = settings(at.sandbox, tmp_path, routes=ROUTES, flap_window="5m")
        document["feishu"][0]["app_secret"] = SECRET
        write(tmp_path, document)
        assert await at.receiver.reload() == ""
        write(tmp_path, {**document, "log": "debug"})
        assert "log" in await at.receiver.reload()
        told = (await at.http.get(f"{at.receiver.ops_url}/api/v1/audit?incident=0")).text
        _, first, second = read(told)
        assert (first["detail"], first["result"]) == ("feishu, flap_window", "reloaded")
        assert second["result"] == "refused"
        assert second["detail"].startswith("log: changed, which needs a restart")
        assert SECRET not in told


async def test_a_policys_refusal_is_seen_by_the_clicker_and_by_the_audit(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=ROUTES, policy=[{"who": ["ou_x"], "may": ["all"]}]) as at:
        await at.fire(alert(instance="a"))
        card = await at.message()
        await at.quiet()
        before = words(card)
        shown = await at.click(card, "acknowledge")
        assert shown.toast is not None
        assert shown.toast["i18n"]["en_us"] == "Not permitted by the policy. Who may: ou_x"
        await at.quiet()
        assert words(card) == before
        (line,) = read((await at.http.get(f"{at.receiver.ops_url}/api/v1/audit?kind=refused")).text)
        assert (line["result"], line["detail"]) == ("not_permitted", "acknowledge: not_permitted")
        assert line["place"] == f"ops:{PRODUCTION}"


async def test_a_silence_is_told_from_the_wish_to_its_end(tmp_path: Path) -> None:
    store = store_at(tmp_path / "receiver.db")
    await store.apply(notice(N1), RULES, NOW)
    asked = replace(click(ActionKind.SILENCE), place="ops:oc_1", trace=TRACE)
    await store.act(asked, NOW)
    async with ops_of(store) as ops:
        (line,) = read((await ops.get("/api/v1/audit?incident=1")).text)
    await store.close()
    assert (line["kind"], line["result"], line["name"]) == ("silence_requested", "requested", "Li")
    assert line["trace_id"] == TRACE.split("-")[1]


async def test_a_click_on_what_is_forgotten_is_told(tmp_path: Path) -> None:
    store = store_at(tmp_path / "receiver.db")
    await store.act(replace(click(ActionKind.ACKNOWLEDGE), trace=TRACE), NOW)
    async with ops_of(store) as ops:
        (line,) = read((await ops.get("/api/v1/audit")).text)
    await store.close()
    assert (line["kind"], line["detail"], line["name"]) == ("click", "acknowledge", "Li")
    assert (line["incident"], line["result"]) == (None, "unknown_card")
    assert line["trace_id"] == TRACE.split("-")[1]


TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


async def test_pages_are_whole_and_spans_are_kept(tmp_path: Path) -> None:
    store = store_at(tmp_path / "receiver.db")
    for number in range(7):
        line = Line("config_reload", f"{number}", "HTTP", Trail(result="reloaded"))
        await store.note(line, NOW + number)
    await store.note(Line("machine", "no deed"), NOW)
    async with ops_of(store) as ops:
        seen: list[str] = []
        after = 0
        while page := read((await ops.get(f"/api/v1/audit?limit=3&after={after}")).text):
            seen += [line["detail"] for line in page]
            after = page[-1]["id"]
        assert seen == list("0123456")
        some = await ops.get(f"/api/v1/audit?since={NOW + 2}&until={NOW + 4}")
        assert [line["detail"] for line in read(some.text)] == ["2", "3"]
        assert (await ops.get("/api/v1/audit?incident=1")).text == ""
        for bad in ("limit=0", "limit=1001", "since=x", "incident=-1", "after=1e3", "until=9e9"):
            assert (await ops.get(f"/api/v1/audit?{bad}")).status_code == 400, bad
    await store.close()


async def test_what_belongs_to_no_incident_goes_by_its_age(tmp_path: Path) -> None:
    store = store_at(tmp_path / "receiver.db")
    for at in (NOW, NOW + 10):
        await store.note(Line("started", "", "receiver", Trail(result="started")), at)
    await store.prune(NOW + 5, NOW + 10, 100)
    async with ops_of(store) as ops:
        assert [line["at"] for line in read((await ops.get("/api/v1/audit")).text)] == [NOW + 10]
    await store.close()


def written(folder: Path) -> Path:
    """Write a configuration; return its path."""
    path = folder / "receiver.yaml"
    path.write_text(
        f"store: {{url: 'sqlite:///{folder}/receiver.db'}}\n"
        "feishu: [{name: ops, app_id: cli_a1, app_secret: s, encrypt_key: k}]\n"
        "routes: [{targets: ['ops:oc_1']}]\n"
    )
    return path


async def test_a_long_audit_is_read_to_its_end(tmp_path: Path) -> None:
    path = written(tmp_path)
    await (store := store_at(tmp_path / "receiver.db")).close()
    assert store.queue_length == 0
    many = 2 * AT_ONCE + 1
    with closing(sqlite3.connect(tmp_path / "receiver.db")) as db:
        row = (0, NOW, "config_reload", "", "HTTP", "", "reloaded")
        db.executemany(
            "INSERT INTO timeline (incident, at, kind, detail, actor, trace, result)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [row] * many,
        )
        db.commit()
    assert len(list(lines_of(path, {}, ("", ""), (None, ""), NOW))) == many
    assert list(lines_of(path, {}, ("1m", ""), (None, ""), NOW + 61_000)) == []


async def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(Unusable, match="does not exist"):
        list(lines_of(path, {}, ("", ""), (None, ""), NOW))
    ended = await run("audit", "--config", path)
    assert ended.code == 1
    assert "does not exist" in ended.err
    ended = await run("audit", "--config", path, "--since", "yesterday")
    assert "'yesterday' is no time; write 2026-08-01" in ended.err


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-02", 86_400_000),
        ("1970-01-01T01:00", 3_600_000),
        ("1970-01-01T08:00+08:00", 0),
        ("30m", NOW - 30 * 60_000),
        ("7d", NOW - 7 * 86_400_000),
    ],
)
def test_times_are_written_in_several_ways(text: str, moment: int) -> None:
    assert moment_of(text, NOW) == moment


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_is_refused(text: str) -> None:
    with contextlib.suppress(BadTime):
        assert 0 <= moment_of(text, NOW) + 10**6 * 7 * 86_400_000 < 10**16


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.builds(Entry, st.integers(0, 1 << 62), *[TEXTS] * 8), st.integers(0, 1 << 62))
def test_hostile_texts_stay_one_line_of_json(entry: Entry, number: int) -> None:
    line = audit_line(Deed(number, number, entry))
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    told = json.loads(line)
    assert (told["detail"], told["name"], told["place"]) == (entry.detail, entry.actor, entry.place)
