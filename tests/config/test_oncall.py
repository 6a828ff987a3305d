"""On-call lists in the configuration."""

from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from receiver.config import Calendar, Endpoint, RotationConfig, Router, summary
from receiver.domain.oncall import Override, moment
from tests.config.made import WHOLE, added, made, problems

ROTA = "zone: Asia/Shanghai, start: 2026-01-05, every: 7d, people: [li@example.com, ou_2]"
NO_TIME = "from: 2026-02-02, to: 2026-02-02"


def rota(text: str) -> RotationConfig:
    (found,) = made(f"{WHOLE}oncall: [{{name: db, rotation: {{{text}}}}}]").oncall
    assert found.rotation is not None
    return found.rotation


def test_a_rotation_is_read() -> None:
    overrides = (
        "overrides: [{from: 2026-02-02T09:00, to: 2026-02-03, person: ou_3},"
        " {from: 2026-02-02T09:00Z, to: 2026-02-03T00:00+08:00, person: ou_4}]"
    )
    value = rota(f"{ROTA}, {overrides}").value
    zone = ZoneInfo("Asia/Shanghai")
    assert (value.zone, value.every) == (zone, timedelta(days=7))
    assert value.people == ("li@example.com", "ou_2")
    assert value.start == datetime.fromisoformat("2026-01-05T09:00")
    ends = moment(datetime(2026, 2, 3, tzinfo=zone))
    assert value.overrides == (
        Override(moment(datetime(2026, 2, 2, 9, tzinfo=zone)), ends, "ou_3"),
        Override(moment(datetime(2026, 2, 2, 17, tzinfo=zone)), ends, "ou_4"),
    )


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("start: 2026-01-05, handover: '10:30'", "2026-01-05T10:30"),
        ("start: 2026-01-05, handover: '00:00'", "2026-01-05T00:00"),
        ("start: 2026-01-05T17:00", "2026-01-05T17:00"),
    ],
)
def test_a_hand_over_is_where_it_is_written(text: str, start: str) -> None:
    value = rota(f"zone: UTC, every: weekdays, people: [ou_1], {text}").value
    assert (value.start, value.every) == (datetime.fromisoformat(start), None)


def test_calendars_and_endpoints_are_read(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("https://calendar.example.com/private.ics?key=1\n")
    text = """oncall:
  - {name: web, ical: {url_file: address, zone: Europe/Berlin, every: 1h}}
  - {name: app, ical: {file: duty.ics}}
  - {name: net, http: {url: "https://duty.example.com/?team=net", bearer_token: s3cret}}
"""
    config = made(f"{WHOLE}{text}", base=tmp_path)
    web, app, net = config.oncall
    assert web.ical is not None
    assert web.ical.url is not None
    assert web.ical.url.reveal() == "https://calendar.example.com/private.ics?key=1"
    assert app.ical == Calendar(file=tmp_path / "duty.ics")
    assert isinstance(net.http, Endpoint)
    assert (net.http.every, net.http.url) == (60_000, "https://duty.example.com/?team=net")
    said = summary(config)
    assert "on call for net: an endpoint, read every 1m" in said
    assert "s3cret" not in said + repr(config)
    assert "private.ics" not in said + repr(config)


def test_a_route_mentions_a_list() -> None:
    text = f"oncall: [{{name: db, rotation: {{{ROTA}}}}}]\n"
    routes = "routes:\n  - {targets: ['ops:oc_1', legacy], mention: ['oncall:db', all]}\n"
    config = made(WHOLE.partition("routes:")[0] + text + routes)
    assert config.routes[0].mention == ("oncall:db", "all")


def said_of(text: str) -> str:
    return "\n".join(added(f"oncall: [{{name: db, {text}}}]"))


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        (f"rotation: {{{ROTA}}}, http: {{url: 'http://d'}}", "exactly one of rotation, ical, http"),
        ("", "exactly one of rotation, ical, http"),
        ("ical: {every: 1m}", "name one of url and file"),
        ("ical: {file: a.ics, url: 'http://c/b.ics'}", "name one of url and file"),
        ("ical: {url: 'webcal://c/b.ics'}", "in the place of webcal"),
        (f"rotation: {{{ROTA}, handover: 9}}", 'hours and minutes in quotes, such as "09:00"'),
        ("rotation: {{{}}}".format(ROTA.replace("7d", "7h")), "hours that divide a day"),
        ("rotation: {{{}}}".format(ROTA.replace("7d", "0d")), "hours that divide a day"),
        ("rotation: {{{}}}".format(ROTA.replace("Shanghai", "Atlantis")), "a time zone's name"),
        ("rotation: {{{}}}".format(ROTA.replace("Asia/Shanghai", "../etc")), "a time zone's name"),
        ("rotation: {{{}}}".format(ROTA.replace("01-05", "13-05")), "write a day or a time"),
        ("rotation: {{{}}}".format(ROTA.replace("01-05", "01-05T09:00Z")), "without an offset"),
        ("rotation: {{{}}}".format(ROTA.replace("li@example.com, ou_2", "")), "name at least one"),
        ("rotation: {{{}}}".format(ROTA.replace("ou_2", "all")), "an open_id (ou_…) or an e-mail"),
        (
            "rotation: {{{}, handover: '10:00'}}".format(ROTA.replace("01-05", "01-05T09:00")),
            "keep one: start names a time already",
        ),
        (
            f"rotation: {{{ROTA}, overrides: [{{{NO_TIME}, person: ou_1}}]}}",
            "write a time after from",
        ),
        ("http: {url: 'https://user:s3cret@duty'}", "take user and password out"),
    ],
)
def test_a_wrong_list_is_refused_with_its_cure(text: str, cure: str) -> None:
    said = said_of(text)
    assert cure in said
    assert "s3cret" not in said


def test_two_lists_have_two_names() -> None:
    one = f"{{name: db, rotation: {{{ROTA}}}}}"
    assert "choose another name" in "\n".join(added(f"oncall: [{one}, {one}]"))


@pytest.mark.parametrize("known", ["", f"oncall: [{{name: db, rotation: {{{ROTA}}}}}]"])
def test_a_mention_of_an_unknown_list_says_which_there_are(known: str) -> None:
    route = "routes:\n  - {targets: ['ops:oc_1', legacy], mention: ['oncall:web']}\n"
    text = f"{known}\n{WHOLE.partition('routes:')[0]}{route}"
    said = "\n".join(problems(text))
    assert ("name a list of oncall: oncall:db" if known else "add it to oncall") in said


def test_midnight_is_an_hour_like_any_other() -> None:
    assert rota(f"{ROTA}, handover: '00:00'").handover == time(0)


PLAN = """escalations:
  - name: database
    steps:
      - {after: 5m, via: mention}
      - {after: 10m, via: app, whom: [ou_1]}
      - {after: 15m, via: phone}
"""


def test_a_step_without_people_calls_those_of_the_step_above() -> None:
    config = made(WHOLE + PLAN)
    (plan,) = config.escalations
    assert [(step.after, step.via, step.whom) for step in plan.plan] == [
        (300_000, "mention", ()),
        (600_000, "app", ("ou_1",)),
        (900_000, "phone", ("ou_1",)),
    ]
    assert "escalation database: mention after 5m, app after 10m, phone after 15m" in summary(
        config
    )


def test_of_several_routes_the_first_escalation_counts() -> None:
    routes = """routes:
  - {targets: ['ops:oc_1'], continue: true}
  - {targets: ['ops:oc_2'], escalation: database, continue: true}
  - {targets: [legacy], escalation: other}
"""
    other = PLAN.replace("escalations:\n", "").replace("database", "other")
    config = made(WHOLE.partition("routes:")[0] + PLAN + other + routes)
    placements = Router(config.routes).placements({"a": "b"}, "prod", "team")
    assert {place.escalation for place in placements} == {"database"}
    assert len(placements) == 3


@pytest.mark.parametrize(
    ("step", "cure"),
    [
        ("{after: 1m, via: phone, whom: [all]}", "only a mention can call everybody"),
        ("{after: 1m, via: pager}", "write one of mention, app, sms, phone"),
        ("{via: sms}", "set after"),
        ("{after: 1m, via: app, whom: ['oncall:db']}", "add it to oncall"),
        ("{after: 9m, via: app}, {after: 8m, via: sms}", "in the order of their times"),
    ],
)
def test_a_wrong_step_is_refused_with_its_cure(step: str, cure: str) -> None:
    assert cure in "\n".join(added(f"escalations: [{{name: db, steps: [{step}]}}]"))


def test_a_route_names_an_escalation_that_there_is() -> None:
    routes = "routes:\n  - {targets: ['ops:oc_1', legacy], escalation: web}\n"
    text = WHOLE.partition("routes:")[0]
    assert "add it to escalations" in "\n".join(problems(text + routes))
    assert "name one of escalations: database" in "\n".join(problems(text + PLAN + routes))
