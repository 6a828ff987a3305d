"""Chats that several apps serve, fallbacks and quotas: what is read, placed and refused."""

import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.config import Route, Router, Spread, summary
from receiver.config.values import FeishuAppConfig, FeishuBotConfig
from receiver.domain.incident import Placement
from receiver.domain.matcher import Operator, matcher
from tests.config.made import made, problems

APPS = """
alertmanagers:
  - {name: prod, urls: ["http://am:9093"], webhook_token: t}
feishu:
  - {name: ops, app_id: cli_a1, app_secret: s, encrypt_key: k}
  - {name: ops2, app_id: cli_a2, app_secret: s, encrypt_key: k}
  - {name: lark, app_id: c, app_secret: s, encrypt_key: k, base_url: "https://open.larksuite.com/"}
  - {name: legacy, webhook_url: "https://open.feishu.cn/open-apis/bot/v2/hook/h"}
"""
MAPPED = "{app: [ops, ops2], chat: oc_2}"
NAMES = ("ops", "ops2", "ops3", "ops4")
KEYS = [f'{{}}:{{alertname="A{number}"}}' for number in range(400)]
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


def routed(*routes: str) -> Router:
    """Return the router of these routes, each of which goes on to the next."""
    rows = "".join(f"  - {{{route}, continue: true}}\n" for route in routes)
    return Router(made(f"{APPS}routes:\n{rows}").routes)


def placed(router: Router, key: str = "") -> tuple[Placement, ...]:
    """Return where an incident of this group is shown."""
    return router.union([{"alertname": "X"}], "prod", "feishu", key)


def spread(*apps: str) -> Router:
    """Return a router whose only chat these apps serve."""
    return Router([Route(targets=(Spread(apps=apps, chat="oc_2"),))])


def test_a_mapping_is_read_with_one_app_or_several() -> None:
    text = f"[{{app: ops, chat: oc_1}}, {{app: [ops2], chat: oc_1}}, {MAPPED}, legacy]"
    (route,) = made(f"{APPS}routes: [{{targets: {text}}}]").routes
    both = Spread(apps=("ops", "ops2"), chat="oc_2")
    assert route.targets == ("ops:oc_1", "ops2:oc_1", both, "legacy")
    assert route.every_target == ("ops:oc_1", "ops2:oc_1", "ops:oc_2", "ops2:oc_2", "legacy")


def test_check_shows_apps_fallbacks_quotas_and_storms() -> None:
    quota = APPS.replace("app_id: cli_a1,", "app_id: cli_a1, monthly_quota: 10000, tenant: acme,")
    text = f"{quota}routes: [{{targets: [{MAPPED}], fallback: legacy}}]\n"
    lines = summary(made(f"{text}storm: {{after: 1m30s}}")).splitlines()
    assert "feishu app ops: /callbacks/feishu/ops, 10000 calls a month for tenant acme" in lines
    assert lines[-2:] == [
        "storms: what cannot be shown within 1m30s is gathered in one digest",
        "route 0: every alert -> ops|ops2:oc_2 (else legacy)",
    ]
    off = summary(made(f"{text}storm: {{enabled: false}}"))
    assert "storms: off, every incident waits for a card of its own" in off


ROUTED = {
    "targets: [{app: nobody, chat: oc_1}]": (
        "targets[0].app (line 10): seen 'nobody'; name an app of feishu: lark, ops, ops2"
    ),
    "targets: [{app: [ops, nobody], chat: oc_1}]": (
        "targets[0].app[1] (line 10): seen 'nobody'; name an app of feishu: lark, ops, ops2"
    ),
    "targets: [{app: [ops, legacy], chat: oc_1}]": (
        "targets[0].app[1] (line 10): seen 'legacy'; write legacy as a target of its own: a group "
        "bot has one chat"
    ),
    "targets: [{app: [ops, ops], chat: oc_1}]": (
        "targets[0].app[1] (line 10): seen 'ops'; remove it: the list has it already"
    ),
    "targets: [{app: [], chat: oc_1}]": (
        "targets[0].app (line 10): seen an empty list; name at least one"
    ),
    "targets: [{app: [ops, lark], chat: oc_1}]": (
        "targets[0].app (line 10): seen apps with different base_url; name apps of one platform, "
        "where the chat is: ops has base_url 'https://open.feishu.cn', lark has "
        "'https://open.larksuite.com'"
    ),
    "targets: [{app: ops}]": "targets[0].chat (line 10): seen nothing; set chat",
    "targets: [{chat: oc_1}]": "targets[0].app (line 10): seen nothing; set app",
    "targets: [{app: ops, chat: 'a b'}]": (
        "targets[0].chat (line 10): seen 'a b'; write the chat's id: oc_…"
    ),
    "targets: [{app: ops, chats: oc_1}]": (
        "targets[0].chats (line 10): seen an unknown key; did you mean chat?"
    ),
    "targets: ['ops:oc_1', {app: ops, chat: oc_1}]": (
        "targets[1] (line 10): seen a mapping; remove it: the list has it already"
    ),
    "targets: ['ops2:oc_2', {app: [ops, ops2], chat: oc_2}]": (
        "targets[1] (line 10): seen a mapping; remove one of the two: routes[0].targets[0] has "
        "ops2:oc_2 already"
    ),
    "targets: [legacy], fallback: nobody": (
        "fallback (line 10): seen 'nobody'; name an entry of feishu: lark, legacy, ops, ops2"
    ),
    "targets: [legacy], fallback: ops": (
        "fallback (line 10): seen 'ops'; write ops:oc_…, with the chat's id"
    ),
    "targets: [legacy], fallback: {app: ops, chat: oc_1}": (
        "fallback (line 10): seen a mapping; write one target as a text, such as 'ops:oc_…', or a "
        "group bot's name"
    ),
    "targets: ['ops:oc_1', legacy], fallback: legacy": (
        "fallback (line 10): seen 'legacy'; name another target: routes[0].targets[1] is this one"
    ),
    "targets: [{app: [ops, ops2], chat: oc_2}], fallback: 'ops2:oc_2'": (
        "fallback (line 10): seen 'ops2:oc_2'; name another target: routes[0].targets[0] is this "
        "one"
    ),
}


@pytest.mark.parametrize("text", ROUTED)
def test_a_wrong_target_is_named_with_its_cure(text: str) -> None:
    found = problems(f"{APPS}routes:\n  - {{{text}}}\n")
    messages = [each.removeprefix("routes[0].") for each in found]
    if "{app: ops}" in text or "chats" in text:
        messages = messages[:1]
    assert messages == [ROUTED[text]]


QUOTAS = {
    "{name: a, app_id: c, app_secret: s, encrypt_key: k, monthly_quota: 0}": (
        "feishu[0].monthly_quota (line 1): seen '0'; write a whole number from 1 to 1000000000"
    ),
    "{name: a, app_id: c, app_secret: s, encrypt_key: k, tenant: A B}": (
        "feishu[0].tenant (line 1): seen 'A B'; write small letters, digits, - and _, at most 63, "
        "a letter or digit first"
    ),
    "{name: a, webhook_url: 'https://f/h', monthly_quota: 9}": (
        "feishu[0].monthly_quota (line 1): seen an unknown key; remove it: the quota counts an "
        "app's calls, not a group bot's"
    ),
    "{name: a, webhook_url: 'https://f/h', tenant: b}": (
        "feishu[0].tenant (line 1): seen an unknown key; remove it: the quota counts an app's "
        "calls, not a group bot's"
    ),
    (
        "{name: a, app_id: c, app_secret: s, encrypt_key: k, monthly_quota: 9}, "
        "{name: b, app_id: c, app_secret: s, encrypt_key: k, monthly_quota: 8}"
    ): (
        "feishu[1].monthly_quota (line 1): seen 8; write 9, as feishu[0]: the apps of tenant "
        "default share one quota"
    ),
}


@pytest.mark.parametrize("text", QUOTAS)
def test_a_wrong_quota_is_named_with_its_cure(text: str) -> None:
    target = "a" if "webhook_url" in text else "a:oc_1"
    assert problems(f"feishu: [{text}]\nroutes: [{{targets: ['{target}']}}]") == [QUOTAS[text]]


def test_apps_of_different_tenants_have_quotas_of_their_own() -> None:
    text = APPS.replace("cli_a1,", "cli_a1, monthly_quota: 9,").replace(
        "cli_a2,", "cli_a2, monthly_quota: 8, tenant: other,"
    )
    config = made(f"{text}routes: [{{targets: [legacy]}}]")
    quotas = [
        (each.tenant, each.monthly_quota)
        for each in config.feishu
        if isinstance(each, FeishuAppConfig)
    ]
    assert quotas == [("default", 9), ("other", 8), ("default", 0)]
    assert isinstance(config.feishu[-1], FeishuBotConfig)


WARNED = {
    "targets: ['ops:oc_1', 'lark:oc_1', {app: [ops, ops2], chat: oc_2}], mention: [ou_1]": (
        (
            "routes[0].mention has open_ids, each of which only one app knows, and ops and ops2 "
            "share oc_2: write e-mail addresses"
        ),
    ),
    "targets: ['ops:oc_1', 'lark:oc_1', {app: [ops, ops2], chat: oc_2}], mention: [all]": (),
    "targets: ['lark:oc_1', {app: [ops, ops2], chat: chat_1}]": (
        "routes[0] sends to a chat of ops whose id does not begin with oc_",
        "routes[0] sends to a chat of ops2 whose id does not begin with oc_",
    ),
}


@pytest.mark.parametrize("text", WARNED)
def test_a_target_that_may_surprise_is_warned_of(text: str) -> None:
    route = f"{{{text}, fallback: legacy}}"
    assert made(f"{APPS}routes: [{route}]").warnings == WARNED[text]


def test_a_quota_without_a_way_out_is_warned_of() -> None:
    quota = APPS.replace("cli_a1,", "cli_a1, monthly_quota: 9,")  # of all three: one tenant
    routes = (
        "{targets: ['lark:oc_1'], match: [a=b]}, {targets: ['ops:oc_1'], fallback: 'ops2:oc_1'}"
    )
    assert made(f"{quota}routes: [{routes}]\noperators_target: legacy").warnings == (
        (
            "routes[0] has no fallback: when the monthly quota of lark is used up, its cards wait "
            "for the next month"
        ),
        "routes[1].fallback has a monthly quota too: name a group bot",
    )


@given(TEXT, TEXT, TEXT)
def test_an_incident_is_always_shown_by_the_same_app(source: str, name: str, key: str) -> None:
    first = spread(*NAMES).union([{}], source, name, key)
    (again,) = spread(*reversed(NAMES)).union([{"a": "b"}], source, name, key)
    assert again.target == first[0].target
    assert first == spread(*NAMES).placements({}, source, name, key)
    (chosen,) = first
    assert {chosen.target, *chosen.others} == {f"{each}:oc_2" for each in NAMES}
    assert len(chosen.others) == len(NAMES) - 1


def test_every_process_chooses_the_same_app() -> None:
    asked = (
        "from tests.config.test_spread import KEYS, NAMES, placed, spread\n"
        "router = spread(*NAMES)\n"
        "print(*(placed(router, key)[0].target for key in KEYS))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", asked],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    router = spread(*NAMES)
    assert answers == {" ".join(placed(router, key)[0].target for key in KEYS)}


def test_each_app_has_its_share() -> None:
    router = spread(*NAMES)
    shown = [placed(router, key)[0].target for key in KEYS]
    for name in NAMES:
        assert 60 < shown.count(f"{name}:oc_2") < 140


@pytest.mark.parametrize("gone", NAMES)
def test_an_app_that_goes_moves_its_own_share_alone(gone: str) -> None:
    before, after = spread(*NAMES), spread(*(name for name in NAMES if name != gone))
    for key in KEYS:
        (old,), (new,) = placed(before, key), placed(after, key)
        assert new.target != f"{gone}:oc_2"
        assert old.target in {new.target, f"{gone}:oc_2"}


TWICE = (f"targets: [{MAPPED}], mention: [all]", "targets: ['ops:oc_2'], mention: [ou_1]")


@pytest.mark.parametrize("order", [1, -1])
def test_a_chat_that_is_named_and_spread_has_one_card_by_the_named_app(order: int) -> None:
    router = routed(*TWICE[::order])
    for key in KEYS[:20]:
        (placement,) = placed(router, key)
        assert placement.target == "ops:oc_2"
        assert placement.others == ("ops2:oc_2",)
        assert set(placement.mention) == {"all", "ou_1"}


def test_a_named_target_knows_the_other_apps_of_its_chat() -> None:
    """The card may be the other app's already: of a body that only the first route took."""
    spreading = Route(
        matchers=(matcher("a", Operator.EQUAL, "b"),),
        targets=(Spread(apps=("ops", "ops2"), chat="oc_2"),),
    )
    router = Router([spreading, Route(targets=("ops2:oc_2", "ops:oc_3"))])
    assert placed(router) == (
        Placement("ops2:oc_2", (), tuple(spreading.notify), "", ("ops:oc_2",)),
        Placement("ops:oc_3", (), tuple(spreading.notify)),
    )


def test_chats_spread_over_apps_that_overlap_are_one_chat() -> None:
    routes = [
        Route(targets=(Spread(apps=pair, chat="oc_2"),), continue_=True)
        for pair in [("ops", "ops2"), ("ops3", "ops4"), ("ops2", "ops3")]
    ]
    for key in KEYS[:40]:
        (placement,) = placed(Router(routes), key)
        assert placement == placed(spread(*NAMES), key)[0]._replace(others=placement.others)
        assert {placement.target, *placement.others} == {f"{each}:oc_2" for each in NAMES}


def test_the_first_fallback_that_is_another_target_counts() -> None:
    routes = ("targets: ['ops:oc_1']", "targets: ['ops:oc_1'], fallback: legacy")
    last = "targets: ['ops:oc_1', 'ops:oc_3'], fallback: 'lark:oc_1'"
    found = {each.target: each.fallback for each in placed(routed(*routes, last))}
    assert found == {"ops:oc_1": "legacy", "ops:oc_3": "lark:oc_1"}
    named = routed(f"targets: [{MAPPED}]", "targets: ['ops2:oc_2'], fallback: 'ops:oc_2'")
    assert [each.fallback for each in placed(named)] == ["ops:oc_2"]


def test_only_sets_with_a_spread_are_computed_for_each_body() -> None:
    router = routed("targets: ['ops:oc_1', legacy]")
    first, second = (placed(router, key) for key in KEYS[:2])
    assert first is second
    spreading = routed(f"targets: ['ops:oc_1', {MAPPED}, legacy]")
    shown = [placed(spreading, key) for key in KEYS]
    assert {tuple(each.target for each in one) for one in shown} == {
        ("ops:oc_1", "ops:oc_2", "legacy"),
        ("ops:oc_1", "ops2:oc_2", "legacy"),
    }
    assert all(one[0] is other[0] and one[2] is other[2] for one, other in pairwise(shown))


def test_choosing_an_app_takes_microseconds() -> None:
    """The aim is 10 µs on an idle machine; ten times that is a mistake on any."""
    router = spread(*NAMES)
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        for key in KEYS:
            placed(router, key)
        best = min(best, time.perf_counter() - began)
    assert best / len(KEYS) < 100e-6
