"""Every card that can be drawn is valid, fits, says what is true, and offers what may be done."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from receiver.channels.base import View
from receiver.channels.feishu.card import (
    COMMENT_FIELD,
    DURATION_FIELD,
    SCOPE_FIELD,
    parse_value,
    render_app,
    render_bot,
)
from receiver.channels.feishu.size import APP_BYTES, BOT_BYTES, ELEMENTS_MOST, elements
from receiver.channels.templates import Templates
from receiver.domain.action import ActionKind
from receiver.domain.card import Rung
from receiver.domain.reason import CardReason
from receiver.domain.silence import DURATIONS, GROUP_SCOPE, RESOLVED, TOMORROW, SilenceState
from receiver.sandbox.markup import Mention
from receiver.sandbox.validate import count, validate
from receiver.sandbox.walk import Drawn, Rules
from tests.channels.feishu.reading import walk
from tests.channels.silence_views import silence_stories
from tests.channels.views import CARD, Tenant, later, member, members, silence, stories, view

Json = dict[str, Any]
STORIES = stories() | silence_stories()
RENDERERS = {"app": (render_app, APP_BYTES), "bot": (render_bot, BOT_BYTES)}
CARDS = [name for name in STORIES if name != "plain"]


def message(text: str) -> Json:
    document: Json = json.loads(text)
    return document


def card(shown: View, rung: Rung = Rung.WHOLE) -> Json:
    """Return the card of an app bot, valid for the strict validator."""
    drawn = message(render_app(shown, rung))
    assert drawn["msg_type"] == "interactive"
    content: Json = drawn["content"]
    valid(content)
    return content


def valid(content: Json) -> Drawn:
    return validate(content, Tenant("ou_li", "ou_han"), Rules())


def markdowns(content: Json) -> str:
    return "\n".join(part["content"] for part in walk(content) if part.get("tag") == "markdown")


def actions(content: Json) -> list[ActionKind]:
    """Return what the controls ask for, in order."""
    values = [
        parse_value(part["value"]) for part in walk(content) if part.get("type") == "callback"
    ]
    assert None not in values
    return [value.kind for value in values if value is not None]


def fields(content: Json) -> dict[str, Json]:
    return {part["name"]: part for part in walk(content) if part.get("name")}


def tags(content: Json, language: str = "en_us") -> list[str]:
    texts = [tag["text"] for tag in content["header"]["text_tag_list"]]
    return [text.get("i18n_content", {language: text["content"]})[language] for text in texts]


@pytest.mark.parametrize("rung", Rung)
@pytest.mark.parametrize("who", RENDERERS)
@pytest.mark.parametrize("story", STORIES)
def test_every_card_is_valid_and_fits(story: str, who: str, rung: Rung) -> None:
    render, most = RENDERERS[who]
    text = render(STORIES[story], rung)
    assert len(text.encode()) <= most
    drawn = message(text)
    if story == "plain" or rung is Rung.TEXT:
        assert drawn["msg_type"] == "text"
        assert drawn["content"]["text"]
        return
    assert drawn["msg_type"] == "interactive"
    assert valid(drawn["content"]).update_multi
    assert elements(text.encode()) == count(drawn["content"], Rules())[0] <= ELEMENTS_MOST
    assert render(STORIES[story], rung) == text


@pytest.mark.parametrize(
    ("story", "colour"),
    [
        ("firing", "red"),
        ("warning", "orange"),
        ("acknowledged", "blue"),
        ("handled_only", "blue"),
        ("silenced", "grey"),
        ("one_silenced", "red"),
        ("silence_requested", "red"),
        ("resolved", "green"),
        ("late", "green"),
        ("agent", "orange"),
        ("message", "orange"),
    ],
)
def test_the_headers_colour_is_the_state(story: str, colour: str) -> None:
    assert card(STORIES[story])["header"]["template"] == colour


def test_a_mild_message_is_blue() -> None:
    mild = replace(STORIES["message"], incident=STORIES["message"].incident._replace(rank=3))
    assert card(mild)["header"]["template"] == "blue"


G, Y, Z = ActionKind.RESILENCE, ActionKind.CONFIRM_SILENCE, ActionKind.CANCEL
A, U, C, H, N, P, S, X, R, E = (
    ActionKind.ACKNOWLEDGE,
    ActionKind.UNACKNOWLEDGE,
    ActionKind.CONFIRM,
    ActionKind.HAND_OVER,
    ActionKind.NOTE,
    ActionKind.PREVIEW,
    ActionKind.SILENCE,
    ActionKind.UNSILENCE,
    ActionKind.RESOLVE,
    ActionKind.EXTEND,
)


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("firing", [A, P, S, R, H, N]),
        ("new_alerts", [A, P, S, R, H, N]),
        ("acknowledged", [A, P, S, C, U, R, H, N]),
        ("handled", [A, P, S, C, U, H, N]),
        ("handled_only", [A, P, S, U, H, N]),
        ("silence_requested", [A, X, R, H, N]),
        ("silenced", [A, X, C, U, R, E, H, N]),
        ("one_silenced", [A, P, S, R, X, E, H, N]),
        ("silence_failed", [A, P, S, R, H, N]),
        ("unsilencing", [A, P, S, R, H, N]),
        ("silence_over", [A, P, S, R, H, N]),
        ("approval", [A, ActionKind.APPROVE, ActionKind.DECLINE]),
        ("approval_owned", [A, ActionKind.APPROVE, ActionKind.DECLINE]),
        ("kept", [A, X, R, H, N]),
        ("keeping", [A, X, R, H, N]),
        ("by_labels", [A, X, R, E, H, N]),
        ("extending", [A, X, R, E, H, N]),
        ("unextended", [A, X, R, E, H, N]),
        ("silence_ended", [A, G, P, S]),
        ("silence_ended_owned", [G, P, S, A, C, U, R, H, N]),
        ("silence_elsewhere_over", [A, P, S, R, H, N]),
        ("silence_elsewhere_again", [A, G, P, S]),
        ("unsilenced", [A, P, S, R, H, N]),
        ("previewed", [Y, Z, A]),
        ("previewed_elsewhere", [A, P, S, R, H, N]),
        ("previewed_owned", [Y, Z, A]),
        ("no_group", [A, P, S, R, H, N]),
        ("agent", [A, R, H, N]),
        ("agent_closed", []),
        ("resolved", []),
        ("late", []),
        ("message", []),
        ("nothing", [A, R, H, N]),
    ],
)
def test_controls_follow_the_state(story: str, expected: list[ActionKind]) -> None:
    assert actions(card(STORIES[story])) == expected


@pytest.mark.parametrize("story", CARDS)
def test_at_most_three_controls_are_seen(story: str) -> None:
    body = card(STORIES[story])["body"]["elements"]
    if {"tag": "hr"} not in body:
        return
    after = body[body.index({"tag": "hr"}) + 1 :]
    seen = sum(len(part["columns"]) for part in after if part["tag"] == "column_set")
    folded = sum(part["tag"] in ("form", "collapsible_panel") for part in after)
    assert 1 <= seen + folded <= 3


@pytest.mark.parametrize("rung", [Rung.WHOLE, Rung.FEWER, Rung.MINIMAL])
@pytest.mark.parametrize("story", CARDS)
def test_a_group_bots_card_does_nothing(story: str, rung: Rung) -> None:
    content = message(render_bot(STORIES[story], rung))["content"]
    kinds = {part["type"] for part in walk(content) if part.get("type") in ("callback", "open_url")}
    assert kinds <= {"open_url"}
    assert not {"form", "input", "select_static", "overflow"} & {
        p.get("tag") for p in walk(content)
    }


def test_the_minimal_card_can_still_be_taken() -> None:
    content = card(STORIES["firing"], Rung.MINIMAL)
    assert actions(content) == [A]
    assert "卡片已精简" in markdowns(content)


def test_each_control_names_the_incident_the_card_and_its_generation() -> None:
    second = replace(STORIES["firing"], card=replace(CARD, generation=2))
    values = [part["value"] for part in walk(card(second)) if part.get("type") == "callback"]
    assert {(value["i"], value["c"], value["g"]) for value in values} == {(12, 7, 2)}


def test_the_form_offers_the_group_each_alert_and_each_duration() -> None:
    form = fields(card(STORIES["firing"]))
    scopes = [option["value"] for option in form[SCOPE_FIELD]["options"]]
    assert scopes == [GROUP_SCOPE, *(f"{n:016x}" for n in range(1, 6))]
    assert form[SCOPE_FIELD]["initial_option"] == GROUP_SCOPE
    assert [option["value"] for option in form[DURATION_FIELD]["options"]] == [
        *DURATIONS,
        TOMORROW,
        RESOLVED,
    ]
    assert form[COMMENT_FIELD]["max_length"] == 200


def test_the_form_says_what_the_group_is() -> None:
    shown = markdowns(card(STORIES["firing"]))
    assert "alertname=DiskAlmostFull · cluster=eu&#45;1 · team=storage" in shown


def test_a_group_that_nothing_positive_describes_is_not_offered() -> None:
    scopes = fields(card(STORIES["no_group"]))[SCOPE_FIELD]["options"]
    assert [option["value"] for option in scopes] == [f"{1:016x}", f"{2:016x}"]


def test_at_most_twenty_scopes_are_offered() -> None:
    assert len(fields(card(view(members(60))))[SCOPE_FIELD]["options"]) == 20


def test_an_alert_that_is_named_group_cannot_choose_the_group() -> None:
    trap = member(1)._replace(fingerprint=GROUP_SCOPE)
    scopes = fields(card(view([trap, member(2)], group_labels={}, group_key="{}:{}")))[SCOPE_FIELD]
    assert [option["value"] for option in scopes["options"]] == [f"{2:016x}"]


def test_a_muted_alert_is_not_offered_again() -> None:
    scopes = fields(card(STORIES["one_silenced"]))[SCOPE_FIELD]["options"]
    assert f"{1:016x}" not in [option["value"] for option in scopes]


def test_people_are_mentioned_when_the_card_is_first_shown() -> None:
    expected = [Mention("id", "ou_li"), Mention("id", "ou_han")]
    assert valid(card(STORIES["firing"])).mentions == expected


@pytest.mark.parametrize("reason", CardReason)
def test_an_edit_mentions_nobody(reason: CardReason) -> None:
    edited = later(STORIES["firing"], reason, reopened=1, joined=9)
    noisy = replace(edited, card=replace(edited.card, notify=tuple(CardReason)))
    assert valid(card(noisy)).mentions == []


def test_a_refused_mention_is_dropped() -> None:
    dropped = replace(STORIES["firing"], card=replace(CARD, mentions_dropped=True))
    assert valid(card(dropped)).mentions == []
    assert "<at" not in render_app(dropped, Rung.TEXT)


def test_a_bots_later_message_mentions_for_what_its_route_notifies_of() -> None:
    grown = later(STORIES["firing"], CardReason.NEW_ALERTS, joined=9)
    told = replace(grown, card=replace(grown.card, notify=("new_alerts",)))
    assert "<at id=ou_li>" in render_bot(told, Rung.WHOLE)
    assert "<at id=" not in render_bot(grown, Rung.WHOLE)


def test_ids_that_are_none_are_not_mentioned() -> None:
    forged = replace(STORIES["firing"], people=("ou_li", "x></at><at id=all", "li@example.com"))
    assert valid(card(forged)).mentions == [Mention("id", "ou_li")]


def test_the_phone_shows_severity_name_where_and_count() -> None:
    summary = card(STORIES["firing"])["config"]["summary"]
    assert summary["i18n_content"] == {
        "zh_cn": "[严重] DiskAlmostFull · prod · eu-1 · storage · 5 条告警中",
        "en_us": "[critical] DiskAlmostFull · prod · eu-1 · storage · 5 firing",
    }


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("firing", ["critical", "firing"]),
        ("new_alerts", ["critical", "firing", "+3 new"]),
        ("reopened", ["critical", "firing", "fired again ×2"]),
        ("late", ["critical", "resolved", "late"]),
        ("handled_only", ["critical", "handled"]),
        ("silenced", ["critical", "silenced"]),
        ("message", ["error"]),
    ],
)
def test_the_headers_tags(story: str, expected: list[str]) -> None:
    assert tags(card(STORIES[story])) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("firing", "**Disk of db&#45;1 is 91 % full**"),
        ("firing", "Writes stop when it is full."),
        ("new_alerts", "6 条告警中 · 2 条已恢复 <font color='red'>**+3 新增**</font>"),
        ("new_alerts", "✅ ~~**db&#45;7&#58;9100**~~"),
        ("new_alerts", "另有 7 条未由 Alertmanager 发送"),
        ("acknowledged", "👤 **李雷** 于 <local_datetime millisecond='1699999820000'"),
        ("handled", "☑️ **韩梅梅** 于"),
        ("handled", "⚠️ 来源仍在告警"),
        ("silenced", "🔕 **李雷** 静默整组至 <local_datetime millisecond='1700003600000'"),
        ("silenced", "> 正在扩容 &#47; disk is being grown"),
        ("silenced", "5 条告警中 · 5 条已静默"),
        ("one_silenced", "静默单条告警"),
        ("one_silenced", "🔕 **db&#45;1&#58;9100**"),
        ("silence_requested", "⏳ **李雷** 请求静默整组"),
        ("silence_failed", "HTTP 400&#58; end time must not be in the past"),
        ("still_silenced", "解除失败,仍在静默 · Alertmanager cannot be reached"),
        ("kept", "静默整组至 恢复(最迟 <local_datetime"),
        ("keeping", "🔕 **李雷** 静默整组至 恢复"),
        ("by_labels", "**李雷** 静默符合所选标签的告警至"),
        ("by_labels", "cluster=eu&#45;1"),
        ("extending", "⏳ **韩梅梅** 请求将整组的静默延长至 <local_datetime"),
        ("unextended", "延长失败 · gone away"),
        ("silence_ended", "的静默已结束,告警仍在触发"),
        ("previewed", "现在会静默 **9** 条告警,其中 **4** 条属于其他事件"),
        ("previewed", "• DiskAlmostFull db&#45;1 &#60;at id&#61;all&#62;"),
        ("previewed", "… 另有 7 条"),
        ("silence_over", "🔔 **李雷** 对整组的静默已结束"),
        ("resolved", "持续</font>\n30m 0s"),
        ("agent", "- see [the queue](https://queue.example.com/refunds)"),
        ("agent_closed", "**李雷** 于"),
    ],
)
def test_what_a_card_says(story: str, expected: str) -> None:
    assert expected in markdowns(card(STORIES[story]))


def test_a_resolved_card_no_longer_says_what_was_wrong_at_length() -> None:
    assert "Writes stop" not in markdowns(card(STORIES["resolved"]))


def links(content: Json) -> dict[str, str]:
    return {
        part["text"].get("i18n_content", {"en_us": part["text"]["content"]})["en_us"]: part[
            "behaviors"
        ][0]["default_url"]
        for part in walk(content)
        if part.get("tag") == "button" and part["behaviors"][0]["type"] == "open_url"
    }


def test_a_card_leads_to_runbook_dashboard_source_and_silences() -> None:
    assert links(card(STORIES["firing"])) == {
        "Runbook": "https://runbooks.example.com/disk?section=a%20b",
        "Dashboard": "https://grafana.example.com/d/1/disks?from=1699995200000&to=now",
        "Source": "http://prometheus:9090/graph"
        "?g0.expr=node_filesystem_avail_bytes+%3C+5e9&g0.tab=1",
        "Silences": "http://alertmanager.example.com:9093/#/silences/new"
        "?filter=%7Balertname%3D%22DiskAlmostFull%22%2Ccluster%3D%22eu-1%22%7D",
    }


def test_a_silence_in_force_is_linked() -> None:
    assert links(card(STORIES["silenced"]))["Silences"].endswith("/#/silences/0af1-22")


def test_the_sources_configured_address_beats_its_own() -> None:
    shown = replace(STORIES["firing"], source_url="https://am.example.com/prefix/")
    assert links(card(shown))["Silences"].startswith("https://am.example.com/prefix/#/silences/new")


def test_an_agents_bad_link_is_left_out() -> None:
    assert links(card(STORIES["agent"])) == {"Queue": "https://queue.example.com/refunds"}


def test_the_console_is_linked_where_there_is_one() -> None:
    shown = replace(view(members(300)), console_url="https://alerts.example.com/")
    content = card(shown)
    assert links(content)["Incident"] == "https://alerts.example.com/incidents/12"
    left = re.search(r"另有 (\d+) 条未列出,见\[事件详情\]\((\S+)\)", markdowns(content))
    assert left is not None
    assert left[2] == "https://alerts.example.com/incidents/12"


@pytest.mark.parametrize("total", [1, 2, 40, 200, 201, 1_000])
@pytest.mark.parametrize("who", RENDERERS)
def test_every_alert_is_listed_or_counted_as_left_out(who: str, total: int) -> None:
    render, most = RENDERERS[who]
    text = render(view(members(total)), Rung.WHOLE)
    assert len(text.encode()) <= most
    shown = markdowns(message(text)["content"])
    listed = len(re.findall(r"^🔴 ", shown, re.MULTILINE))
    left = re.search(r"另有 (\d+) 条未列出", shown)
    assert listed + (int(left[1]) if left else 0) == (total if total > 1 else 0)


@pytest.mark.parametrize("console", ["", "https://alerts.example.com", "https://a/" + "x" * 1_000])
@pytest.mark.parametrize("total", [1_000, 10_000])
def test_the_list_fills_the_room_there_is(total: int, console: str) -> None:
    crowd = view(members(total), truncated=1_000_000)
    text = render_app(replace(crowd, console_url=console), Rung.WHOLE)
    assert APP_BYTES - 1_000 < len(text.encode()) <= APP_BYTES
    assert "卡片已精简" not in text


def test_a_smaller_card_lists_ten_alerts() -> None:
    shown = markdowns(card(view(members(30)), Rung.FEWER))
    assert len(re.findall(r"^🔴 ", shown, re.MULTILINE)) == 10
    assert "另有 20 条未列出" in shown


def test_what_fires_is_listed_first_and_the_worst_on_top() -> None:
    alerts = [member(1, rank=2), member(2, firing=False), member(3), member(4, rank=3)]
    marks = re.findall(r"^(🔴|🟠|🔵|✅) ", markdowns(card(view(alerts))), re.MULTILINE)
    assert marks == ["🔴", "🟠", "🔵", "✅"]


def test_users_words_replace_ours_and_stay_text() -> None:
    templates = Templates(
        title="{{ labels.alertname }}!",
        summary="{{ incident.firing }} <at id=all></at>",
        text="{% for alert in alerts %}{{ alert.labels.instance }}\n{% endfor %}<at id=all></at>",
    )
    content = card(replace(STORIES["firing"], templates=templates))
    assert content["header"]["title"] == {"tag": "plain_text", "content": "DiskAlmostFull!"}
    assert content["config"]["summary"] == {"content": "5 <at id=all></at>"}
    shown = markdowns(content)
    assert "db&#45;1&#58;9100\ndb&#45;2" in shown
    assert "Writes stop" not in shown
    assert valid(content).mentions == [Mention("id", "ou_li"), Mention("id", "ou_han")]


def test_a_failing_template_is_named_and_our_words_stand_in() -> None:
    content = card(replace(STORIES["firing"], templates=Templates(title="{{ nope }}")))
    assert content["header"]["title"]["content"] == "DiskAlmostFull"
    assert "模板出错,已改用内置文本:title" in markdowns(content)


def test_a_silence_of_another_label_set_covers_nothing() -> None:
    other = silence(SilenceState.ACTIVE, matchers=(("cluster", "us-1"),))
    content = card(later(STORIES["firing"], CardReason.SILENCED, silences=(other,)))
    assert content["header"]["template"] == "red"
    assert S in actions(content)


def crowded() -> View:
    """Return an incident in which everything is as long as it may be."""
    labels = {f"label_{n:02}": "<" * 80 for n in range(24)}
    links = tuple((f"link {n}", f"https://a.example/{n}/" + "x" * 900) for n in range(10))
    failed = silence(SilenceState.FAILED, problem="<" * 200, comment="<" * 200)
    silences = tuple(replace(failed, id=f"a{n}") for n in range(5))
    long = {"summary": "<" * 300, "description": "<" * 900}
    worded = [
        alert._replace(labels=labels | {"own": alert.fingerprint + "<" * 100}, annotations=long)
        for alert in members(39)
    ]
    return view(worded, links=links, silences=silences, title="字" * 200)


@pytest.mark.parametrize("rung", [Rung.WHOLE, Rung.FEWER])
@pytest.mark.parametrize("who", RENDERERS)
def test_a_card_that_does_not_fit_is_shortened_and_says_so(who: str, rung: Rung) -> None:
    render, most = RENDERERS[who]
    text = render(crowded(), rung)
    assert len(text.encode()) <= most
    content = message(text)["content"]
    valid(content)
    assert "卡片已精简" in markdowns(content)
    assert actions(content)[:1] == ([A] if who == "app" else [])


def test_a_card_that_fits_is_not_shortened() -> None:
    assert "卡片已精简" not in markdowns(card(view(members(1_000))))
