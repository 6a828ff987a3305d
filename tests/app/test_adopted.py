"""What a configuration says of storms, fallbacks, flapping and quotas, in force at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from receiver import assembly
from receiver.assembly import Tools
from receiver.channels.base import Metered, Quota
from receiver.config import Config
from receiver.domain.incident import Flapping
from receiver.domain.storm import Rules as StormRules
from receiver.telemetry.logs import build_logging
from receiver.telemetry.metrics import Metrics
from receiver.telemetry.tracing import build_tracing
from tests.app.test_reload import Bench, reloading
from tests.config.made import BODY, made
from tests.stage import PLATFORM, app_of, bot_of
from tests.stories.bodies import alert
from tests.stories.cards import words

NOWHERE = "oc_not_there"
COUNT = 8
TAIL = "routes: [{targets: ['ops:oc_1'], fallback: legacy}, {targets: [{app: ops, chat: oc_2}]}]\n"


def configured(more: str = "") -> Config:
    """Return a configuration with these top-level keys as well."""
    return made(f"{BODY}{TAIL}{more}")


def tools(config: Config, sink: Any) -> Tools:
    """Return what parts are built with, without a world."""

    async def wait(_: int) -> None:
        raise AssertionError("nothing is waited for")

    return Tools(
        tracing=build_tracing({}, "0"),
        metrics=assembly.metrics_for(config, CollectorRegistry(), "0"),
        logs=build_logging("critical", sink),
        now=lambda: 1,
        luck=lambda: 0.5,
        wait=wait,
    )


def test_rules_are_those_of_the_file() -> None:
    config = configured("flapping: {threshold: 7, window: 30m}\nflap_window: 1m")
    rules = assembly.rules_of(config)
    assert rules.flapping == Flapping(7, 1_800_000)
    assert rules.flap_window == 60_000
    assert assembly.storms_of(configured("storm: {after: 5s}")) == StormRules(True, 5_000)
    assert assembly.storms_of(configured("storm: {enabled: false}")) == StormRules(False, 20_000)


def test_the_defaults_of_the_file_are_those_of_the_decisions() -> None:
    assert assembly.rules_of(configured()).flapping == Flapping()
    assert assembly.storms_of(configured()) == StormRules()


def test_every_target_and_fallback_is_known_once() -> None:
    text = (
        "routes:\n"
        "  - {targets: ['ops:oc_1', {app: [ops, ops2], chat: oc_2}], fallback: legacy}\n"
        "  - {targets: ['ops2:oc_2'], fallback: legacy}\n"
    )
    second = "  - {name: ops2, app_id: cli_a2, app_secret: s, encrypt_key: k}\n"
    config = made(f"{BODY}{second}{text}")
    assert assembly.targets_of(config) == ("ops:oc_1", "ops:oc_2", "ops2:oc_2", "legacy")


async def test_an_app_carries_its_tenants_quota_and_a_changed_one_is_new(tmp_path: Path) -> None:
    plain = configured()
    limited = made(f"{BODY}{TAIL}".replace("cli_a1,", "cli_a1, monthly_quota: 9, tenant: acme,"))
    with (tmp_path / "log").open("wb") as sink:
        using = tools(plain, sink)
        first = assembly.build(plain, using, None)
        same = assembly.build(configured("storm: {enabled: false}"), using, first)
        changed = assembly.build(limited, using, same)
        for part in {*first.closing, *same.closing, *changed.closing}:
            await part()
    assert quota_of(first.outlets.channels) == Quota("default", 0)
    assert same.outlets.channels["ops"] is first.outlets.channels["ops"]
    assert quota_of(changed.outlets.channels) == Quota("acme", 9)
    assert not isinstance(changed.outlets.channels["legacy"], Metered)


def quota_of(channels: Mapping[str, Any]) -> Quota:
    """Return the app's quota."""
    assert isinstance(channels["ops"], Metered)
    return channels["ops"].quota


def test_names_and_tenants_are_the_labels_of_metrics() -> None:
    labels = assembly.labels_for(configured())
    assert labels.outlets == ("ops", "legacy")
    assert labels.tenants == ("default",)
    assert {"target", "credentials", "quota"} <= set(labels.circuit_reasons)


async def test_a_clock_that_is_behind_shows_the_platform_ahead(tmp_path: Path) -> None:
    config = configured()
    with (tmp_path / "log").open("wb") as sink:
        using = tools(config, sink)
        parts = assembly.build(config, using, None)
        for part in parts.closing:
            await part()
    maker = assembly._Maker(using, None)  # noqa: SLF001
    maker._observe_skew("ops", -3.0)  # noqa: SLF001  (ours is three seconds behind)
    assert sample(using.metrics, 'receiver_channel_clock_skew_seconds{channel="ops"}') == 3.0


def sample(metrics: Metrics, name: str) -> float:
    """Return the value of a sample."""
    lines = metrics.expose(None)[0].decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(name))


async def test_a_fallback_is_used_after_a_reload(tmp_path: Path) -> None:
    route = {"targets": [f"ops:{NOWHERE}"]}
    async with reloading(tmp_path, routes=[route]) as at:
        await at.fire(alert("Before"))
        await at.when(lambda: at.receiver.store.dead_letters(10))
        assert await at.reload(routes=[{**route, "fallback": "legacy"}]) == ""
        await at.fire(alert("After"))
        shown = await at.message(PLATFORM)
        assert "After" in words(shown)
        states = {card["state"] for card in (await at.incident(2))["cards"]}
        assert states == {"moved", "open"}
        assert len(await at.receiver.store.dead_letters(10)) == 1


async def test_storms_and_quotas_are_those_of_the_new_file(tmp_path: Path) -> None:
    async with reloading(tmp_path) as at:
        assert await at.reload(storm={"enabled": False}) == ""
        assert assembly.storms_of(at.receiver.config) == StormRules(enabled=False)
        limited = {**app_of(at.sandbox), "monthly_quota": 50, "tenant": "acme"}
        assert await at.reload(feishu=[limited, bot_of(at.sandbox)]) == ""
        await at.when(lambda: told(at, 'receiver_delivery_quota_limit{tenant="acme"} 50.0'))


async def told(at: Bench, line: str) -> bool:
    """Say whether the metrics have this line."""
    return line in (await at.http.get(f"{at.receiver.ops_url}/metrics")).text.splitlines()


async def test_two_apps_share_a_chat_with_one_card_an_incident(tmp_path: Path) -> None:
    async with reloading(tmp_path) as at:
        second = at.desk.add_app("second", encrypt_key="another-encrypt-key")
        chat = at.desk.add_chat("两个应用").chat_id
        entry = {
            **app_of(at.sandbox),
            "name": "ops2",
            "app_id": second.app_id,
            "app_secret": second.secret,
            "encrypt_key": second.encrypt_key,
        }
        spread = {"targets": [{"app": ["ops", "ops2"], "chat": chat}], "continue": True}
        feishu = [app_of(at.sandbox), entry, bot_of(at.sandbox)]
        assert await at.reload(feishu=feishu, routes=[spread]) == ""
        for number in range(COUNT):
            await at.fire(alert(f"Alert{number}"))
        await at.message(chat, COUNT)
        assert await at.reload(routes=[spread, {"targets": [f"ops:{chat}"]}]) == ""
        for number in range(COUNT):
            await at.fire(alert(f"Alert{number}"), alert(f"Alert{number}", instance="b"))
        await at.quiet()
        told = [(await at.incident(number + 1))["cards"] for number in range(COUNT)]
        assert {len(cards) for cards in told} == {1}
        assert {cards[0]["target"] for cards in told} == {f"ops:{chat}", f"ops2:{chat}"}
        assert len({message.sender_id for message in at.messages(chat)}) == 2
