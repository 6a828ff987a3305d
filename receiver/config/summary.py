"""A configuration in a few lines, without a secret: what ``receiver check`` prints."""

from collections.abc import Iterator

from receiver.config.duty import OncallList
from receiver.config.kinds import span
from receiver.config.values import (
    LONG_CONNECTION,
    Config,
    FeishuAppConfig,
    FeishuBotConfig,
    Route,
)


def summary(config: Config) -> str:
    """Return the senders, the channels and the routes, a line each."""
    return "\n".join(_lines(config))


def _lines(config: Config) -> Iterator[str]:
    server = config.server
    yield f"listens on {server.listen}, operations on {server.ops_listen}"
    yield f"keeps {span(config.store.retention)} in {config.store.url}"
    for source in config.alertmanagers:
        peers = len(source.urls)
        yield (
            f"alertmanager {source.name}: /webhooks/alertmanager/{source.name}, "
            f"{'with' if source.webhook_token else 'without'} a token, "
            f"{peers} peer{'' if peers == 1 else 's'}"
        )
    for agent in config.agents:
        types = ", ".join(sorted(agent.message_types))
        yield f"agent {agent.name}: /webhooks/agents/{agent.name}, may send {types}"
    for channel in config.feishu:
        if isinstance(channel, FeishuBotConfig):
            yield f"feishu group bot {channel.name}: sends only"
        else:
            base = server.external_url.rstrip("/")
            along = channel.callbacks == LONG_CONNECTION
            where = "a long connection" if along else f"{base}/callbacks/feishu/{channel.name}"
            yield f"feishu app {channel.name}: {where}{_quota(channel)}"
    yield from _on_duty(config)
    storm = config.storm
    yield (
        f"storms: what cannot be shown within {span(storm.after)} is gathered in one digest"
        if storm.enabled
        else "storms: off, every incident waits for a card of its own"
    )
    if config.policy:
        many = len(config.policy)
        yield f"policy: {many} rule{'' if many == 1 else 's'}, and nothing else is permitted"
    for number, route in enumerate(config.routes):
        yield f"route {number}: {_route(route)}"


def _on_duty(config: Config) -> Iterator[str]:
    for each in config.oncall:
        yield f"on call for {each.name}: {_duty(each)}"
    for plan in config.escalations:
        steps = ", ".join(f"{step.via} after {span(step.after)}" for step in plan.steps)
        yield f"escalation {plan.name}: {steps}"


def _duty(each: OncallList) -> str:
    if each.rotation is not None:
        return f"{len(each.rotation.people)} in turn"
    asked = each.ical or each.http
    every = "" if asked is None else f", read every {span(asked.every)}"
    return f"{'a calendar' if each.ical is not None else 'an endpoint'}{every}"


def _quota(app: FeishuAppConfig) -> str:
    if not app.monthly_quota:
        return ""
    return f", {app.monthly_quota} calls a month for tenant {app.tenant}"


def _route(route: Route) -> str:
    which = ", ".join(map(str, route.matchers)) or "every alert"
    people = f", mentions {len(route.mention)}" if route.mention else ""
    onward = ", then goes on" if route.continue_ else ""
    shown = ", ".join(map(str, route.targets))
    instead = f" (else {route.fallback})" if route.fallback else ""
    return f"{which} -> {shown}{instead}{people}{onward}"
