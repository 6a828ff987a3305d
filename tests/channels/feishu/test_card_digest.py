"""A storm's card counts exactly, names everything it has room for, and offers what may be done."""

import json
import re
from dataclasses import replace
from itertools import product

import pytest

from receiver.channels.base import View
from receiver.channels.feishu.card import SCOPE_FIELD, render_app, render_bot, render_reply
from receiver.channels.feishu.size import APP_BYTES, BOT_BYTES, ELEMENTS_MOST, elements
from receiver.domain.action import ActionKind
from receiver.domain.card import Rung
from receiver.domain.reason import CardReason, State
from receiver.domain.silence import SHARED_SCOPE, SilenceState
from receiver.sandbox.markup import Mention
from tests.channels.feishu.reading import (
    Json,
    card_of,
    clicks,
    drawn,
    links,
    said,
    tags,
    texts,
    walk,
)
from tests.channels.feishu.storms import ALERTMANAGER, many, muting, one, storm, storms
from tests.channels.views import LI, MINUTE, NOW

STORMS = storms()
RENDERERS = {"app": (render_app, APP_BYTES), "bot": (render_bot, BOT_BYTES)}
ACK, SILENCE, UNSILENCE = ActionKind.ACKNOWLEDGE, ActionKind.SILENCE, ActionKind.UNSILENCE


def card(shown: View, rung: Rung = Rung.WHOLE) -> Json:
    """Return the card of an app bot."""
    return card_of(render_app(shown, rung))


def title(shown: View, language: str = "en_us") -> str:
    return said(card(shown)["header"]["title"], language)


@pytest.mark.parametrize(("name", "who", "rung"), [*product(STORMS, RENDERERS, Rung)])
def test_every_digest_is_valid_and_fits(name: str, who: str, rung: Rung) -> None:
    render, most = RENDERERS[who]
    text = render(STORMS[name], rung)
    assert len(text.encode()) <= most
    assert elements(text.encode()) <= ELEMENTS_MOST
    if rung is Rung.TEXT:
        assert json.loads(text)["msg_type"] == "text"
    else:
        assert drawn(card_of(text)).update_multi
    assert render(STORMS[name], rung) == text


@pytest.mark.parametrize(
    ("name", "zh", "en", "colour"),
    [
        ("open", "告警风暴:295 个事件", "Alert storm: 295 incidents", "orange"),
        ("acknowledged", "告警风暴:290 个事件", "Alert storm: 290 incidents", "blue"),
        ("some_acknowledged", "告警风暴:295 个事件", "Alert storm: 295 incidents", "orange"),
        ("silenced", "告警风暴:295 个事件", "Alert storm: 295 incidents", "grey"),
        ("all_resolved", "告警风暴:295 个事件", "Alert storm: 295 incidents", "green"),
        ("over", "告警风暴已结束:共 295 个事件", "Alert storm over: 295 incidents", "green"),
        (
            "over_some_fire",
            "告警风暴已结束:共 295 个事件",
            "Alert storm over: 295 incidents",
            "grey",
        ),
        (
            "late",
            "37 个事件在送达之前已触发并恢复",
            "37 incidents began and ended before they could be shown",
            "green",
        ),
    ],
)
def test_the_header_says_what_it_is(name: str, zh: str, en: str, colour: str) -> None:
    assert title(STORMS[name], "zh_cn") == zh
    assert title(STORMS[name]) == en
    assert card(STORMS[name])["header"]["template"] == colour


def test_a_critical_storm_is_red_and_does_not_promise_cards_of_their_own() -> None:
    content = card(storm([*many(20), one(21, rank=0)]))
    assert content["header"]["template"] == "red"
    assert tags(content)[0] == "critical"
    assert "Critical incidents still get" not in texts(content)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("open", ["error", "295 firing"]),
        ("some_acknowledged", ["error", "295 firing", "290 acknowledged"]),
        ("silenced", ["error", "295 firing", "295 silenced"]),
        ("some_over", ["error", "200 firing", "95 resolved"]),
        ("late", ["error", "late", "37 resolved"]),
    ],
)
def test_the_headers_tags(name: str, expected: list[str]) -> None:
    assert tags(card(STORMS[name])) == expected


def test_the_phone_shows_how_many_how_bad_and_where() -> None:
    summary = card(STORMS["open"])["config"]["summary"]
    assert summary["i18n_content"] == {
        "zh_cn": "告警风暴:295 个事件 · 295 个告警中 · 错误 24, 警告 216, 提示 55"
        " · alertname=PodCrashLooping ×197",
        "en_us": "Alert storm: 295 incidents · 295 firing · error 24, warning 216, info 55"
        " · alertname=PodCrashLooping ×197",
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("open", "🟠 error **24**\n🟠 warning **216**\n🔵 info **55**"),
        (
            "open",
            (
                "By label alertname</font>\n"
                "PodCrashLooping **197**\nHighLatency **74**\nKubeNodeNotReady **24**"
            ),
        ),
        ("open", "All share</font>\ncluster=eu&#45;1 · job=kube&#45;state&#45;metrics"),
        ("open", "**Worst 10**"),
        ("open", f"millisecond='{NOW - 4 * MINUTE + 100}'"),
        ("two_sources", "101 in all · 100 firing · messages: 1"),
        ("two_sources", "others **1**"),
        ("some_acknowledged", "👤 Acknowledged by **李雷** at"),
        ("some_acknowledged", "🟠👤 **[KubeNodeNotReady]("),
        ("silenced", "🔕 **李雷** silenced all with the shared labels until"),
        ("silenced", "> 机架断电 &#47; rack lost power"),
        ("over_some_fire", "295 in all · 40 firing · 255 resolved"),
        ("over_some_fire", "40, each with a card of its own"),
        ("over_some_fire", "🟠 error **24**\n🟠 warning **216**\n🔵 info **55**"),
        ("over", f"millisecond='{NOW}'"),
        ("over", "3m 59s"),
        ("late", "37 in all · 37 resolved"),
        ("late", "Shown late"),
    ],
)
def test_what_a_digest_says(name: str, expected: str) -> None:
    assert expected in texts(card(STORMS[name]))


@pytest.mark.parametrize("who", RENDERERS)
@pytest.mark.parametrize("name", ["open", "over", "late", "two_sources"])
def test_every_incident_can_be_read_from_the_message(name: str, who: str) -> None:
    shown = STORMS[name]
    assert shown.digest is not None
    text = texts(card_of(RENDERERS[who][0](shown, Rung.WHOLE))).replace("&#45;", "-")
    missing = [
        each.incident
        for each in shown.digest.gathered
        if each.labels.get("pod", each.title) not in text
    ]
    assert missing == []
    assert "not listed" not in text


def named(text: str) -> int:
    """Count the incidents that a text names: each pod's name ends in a number of its own."""
    return len(re.findall(r"(?<![0-9a-z])0[0-9a-f]{4}(?![0-9a-z])", text.replace("&#45;", "-")))


@pytest.mark.parametrize("who", RENDERERS)
@pytest.mark.parametrize("total", [10, 11, 600, 1_000, 4_000])
def test_who_finds_no_room_is_counted(total: int, who: str) -> None:
    text = texts(card_of(RENDERERS[who][0](storm(many(total)), Rung.WHOLE)))
    left = re.search(r"(\d+) more are not listed", text)
    assert named(text) + (int(left[1]) if left else 0) == total
    assert named(text) >= min(total, 1_000)


def test_what_names_begin_with_is_written_once_where_room_is_short() -> None:
    text = texts(card_of(render_bot(storm(many(800)), Rung.WHOLE)))
    assert "🟠 PodCrashLooping ×427 · pod=checkout-7d9f8b6c5-…:\n00001" in text
    assert named(text) == 800


def test_names_come_before_addresses() -> None:
    """Where long addresses would take the room of names, they go."""
    long = "http://prometheus:9090/graph?g0.expr=" + "x" * 240
    text = render_bot(storm(many(1_000, url=long)), Rung.WHOLE)
    assert "more are not listed" not in text
    assert "xxxx" not in text


def test_the_worst_are_linked_to_their_source_or_else_to_alertmanager() -> None:
    alerts = [one(1), one(2, url=""), one(3, url="javascript:alert(1)"), one(4, url="http://a b/")]
    text = texts(card(storm(alerts)))
    assert "**[PodCrashLooping](http://prometheus:9090/graph?" in text
    assert text.count(f"]({ALERTMANAGER}/#/alerts?filter=%7B") == 3
    assert "javascript" not in text


def test_each_alertmanager_is_linked_by_what_its_alerts_share() -> None:
    assert links(card(STORMS["two_sources"])) == {
        "Alertmanager: prod": f"{ALERTMANAGER}/#/alerts?filter="
        "%7Bcluster%3D%22eu-1%22%2Cjob%3D%22kube-state-metrics%22%7D",
        "Alertmanager: lab": "http://lab.example.com:9093/am/#/alerts?filter="
        "%7Bcluster%3D%22eu-1%22%2Cjob%3D%22kube-state-metrics%22%7D",
    }


def test_the_configured_address_beats_the_known_one() -> None:
    shown = replace(STORMS["open"], source_url="https://am.example.com/x/")
    assert links(card(shown))["Alertmanager"].startswith("https://am.example.com/x/#/alerts?")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("open", [ACK, SILENCE]),
        ("some_acknowledged", [ACK, SILENCE]),
        ("acknowledged", [SILENCE]),
        ("silenced", [UNSILENCE]),
        ("two_sources", [ACK]),
        ("all_resolved", []),
        ("over", []),
        ("over_some_fire", []),
        ("late", []),
        ("none", []),
    ],
)
def test_controls_follow_the_state(name: str, expected: list[ActionKind]) -> None:
    assert [click.kind for click in clicks(card(STORMS[name]))] == expected


@pytest.mark.parametrize("rung", [Rung.WHOLE, Rung.FEWER, Rung.MINIMAL])
@pytest.mark.parametrize("name", STORMS)
def test_a_group_bots_digest_does_nothing(name: str, rung: Rung) -> None:
    content = card_of(render_bot(STORMS[name], rung))
    assert clicks(content) == []
    assert not {"form", "input", "select_static"} & {part.get("tag") for part in walk(content)}


def test_each_control_names_the_revision_that_is_shown() -> None:
    assert {click[1:] for click in clicks(card(STORMS["open"]))} == {(900, 3, 1, 17, "")}
    assert {click[1:] for click in clicks(card(STORMS["silenced"]))} == {(900, 3, 1, 17, "")}


def test_the_minimal_card_can_still_be_taken_and_counts() -> None:
    content = card(STORMS["open"], Rung.MINIMAL)
    assert [click.kind for click in clicks(content)] == [ACK]
    assert "295 firing" in texts(content)
    assert "error **24** · warning **216** · info **55**" in texts(content)


def test_only_what_nobody_owns_is_counted_on_the_button() -> None:
    button = next(part for part in walk(card(STORMS["some_acknowledged"])) if "confirm" in part)
    assert said(button["text"], "en_us") == "Acknowledge all 5"
    assert said(button["confirm"]["title"], "en_us") == "Acknowledge all 5?"
    assert said(button["text"], "zh_cn") == "全部认领(5 个)"


def test_the_silence_shows_what_it_mutes() -> None:
    shown = storm([*many(8), one(14, state=State.RESOLVED, firing=0, labels={"cluster": "us-1"})])
    content = card(shown)
    assert (
        "cluster=eu&#45;1 · job=kube&#45;state&#45;metrics\nMutes 10 of the 10 alerts firing here"
    ) in texts(content)
    menu = next(part for part in walk(content) if part.get("name") == SCOPE_FIELD)
    (choice,) = [option["value"] for option in menu["options"]]
    assert choice.startswith(f"{SHARED_SCOPE}:")
    assert menu["initial_option"] == choice


def test_what_shares_no_label_cannot_be_silenced_at_once() -> None:
    mixed = storm([one(1, labels={"a": "1"}), one(2, labels={"a": "2"})])
    assert [click.kind for click in clicks(card(mixed))] == [ACK]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (SilenceState.REQUESTED, [ACK, UNSILENCE]),
        (SilenceState.ACTIVE, [ACK, UNSILENCE]),
        (SilenceState.EXPIRING, [ACK, SILENCE]),
        (SilenceState.EXPIRED, [ACK, SILENCE]),
        (SilenceState.FAILED, [ACK, SILENCE]),
    ],
)
def test_a_silence_is_offered_again_once_it_is_gone(
    state: SilenceState, expected: list[ActionKind]
) -> None:
    fire = storm(many(5))
    shown = storm(many(5), silences=(muting(fire, state),))
    assert [click.kind for click in clicks(card(shown))] == expected


def test_a_silence_of_what_was_shared_before_leaves_room_for_another() -> None:
    narrower = muting(storm(many(5)), SilenceState.ACTIVE, matchers=(("namespace", "shop"),))
    shown = storm(many(5), silences=(narrower,))
    assert [click.kind for click in clicks(card(shown))] == [ACK, UNSILENCE, SILENCE]


def test_people_are_called_once_and_not_where_the_card_is_quiet() -> None:
    called = replace(STORMS["open"], people=("ou_li",))
    assert drawn(card(called)).mentions == [Mention("id", "ou_li")]
    quiet = replace(called, card=replace(called.card, quiet=True))
    assert drawn(card(quiet)).mentions == []


def test_a_smaller_card_names_sixty() -> None:
    text = texts(card(STORMS["open"], Rung.FEWER))
    assert "**Worst 5**" in text
    assert "230 more are not listed" in text


def test_the_text_counts_and_names() -> None:
    text = json.loads(render_app(STORMS["open"], Rung.TEXT))["content"]["text"]
    assert "Alert storm: 295 incidents · 295 firing · error 24" in text
    assert "🟠 KubeNodeNotReady ×24 namespace=shop · pod: checkout" in text
    assert named(text) == 295


def test_the_text_says_what_it_leaves_out() -> None:
    text = json.loads(render_app(storm(many(2_000)), Rung.TEXT))["content"]["text"]
    assert 900 < named(text) < 2_000
    assert f"… +{2_000 - named(text)}" in text


def test_a_reply_to_a_digest_says_what_it_is() -> None:
    shown = replace(STORMS["open"], reason=CardReason.SILENCE_FAILED, people=("ou_li",))
    post = json.loads(render_reply(shown))["content"]["en_us"]["content"]
    line = "".join(part["text"] for part in post[0])
    assert line.startswith("Not silenced: Alertmanager did not take it · Alert storm: 295")
    assert post[1] == [{"tag": "at", "user_id": "ou_li"}]


def test_one_name_is_written_once_and_its_shared_labels_too() -> None:
    lines = [
        one(n, labels={"alertname": "NodeDown", "cluster": cluster, "node": f"n{n}"}, title="Down")
        for n, cluster in ((1, "a"), (2, "a"), (3, "a"))
    ]
    others = [one(4, title="Full", labels={"cluster": "b", "device": "sda"}, rank=1)]
    text = texts(card(storm([*lines, *others], closed_at=NOW)))
    assert "✅ Full device=sda cluster=b" not in text  # it fires still
    assert "🟠 Full device=sda cluster=b" in text
    assert "🟠 Down ×3 cluster=a alertname=NodeDown · node:\nn1, n2, n3" in text


def test_who_is_named() -> None:
    assert LI.name in texts(card(STORMS["acknowledged"]), "zh_cn")
