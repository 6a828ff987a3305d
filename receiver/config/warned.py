"""What a valid configuration still lets happen, and its owner may not want."""

from collections.abc import Iterator

from receiver.config.values import Config, FeishuAppConfig, FeishuBotConfig, Route, Spread
from receiver.domain.policy import Permission


def warned(config: Config) -> tuple[str, ...]:
    """Return one sentence for each thing to look at."""
    return (
        *_approval(config),
        *_senders(config),
        *_routes(config),
        *_targets(config),
        *_quotas(config),
    )


def _approval(config: Config) -> Iterator[str]:
    """Warn of broad silences that nobody could ever approve."""
    if any(Permission.APPROVE in rule.may for rule in config.policy):
        return
    for number, rule in enumerate(config.policy):
        if rule.broad is not None and Permission.SILENCE in rule.may:
            yield f"policy[{number}].broad wants a second person, and no rule permits to approve"


def _senders(config: Config) -> Iterator[str]:
    if not config.alertmanagers and not config.agents:
        yield "neither alertmanagers nor agents has an entry: nothing can be received"
    for number, source in enumerate(config.alertmanagers):
        path = f"alertmanagers[{number}]"
        if source.webhook_token is None and not config.server.listen.loopback:
            yield (
                f"{path}.webhook_token is not set and server.listen is no loopback address: "
                f"everybody who reaches {config.server.listen} can send alerts as {source.name}"
            )
        if not source.urls:
            yield (
                f"{path}.urls is empty: no silence can be created in {source.name}, and its cards"
                " cannot know of silences made elsewhere, nor of ends that nobody is told of"
            )


def _routes(config: Config) -> Iterator[str]:
    caught: int | None = None
    for number, route in enumerate(config.routes):
        if caught is not None:
            yield f"routes[{number}] is never reached: routes[{caught}] takes every alert"
        elif not route.matchers and not route.continue_:
            caught = number
    if all(route.matchers for route in config.routes):
        yield "every route has matchers: an alert that none of them accepts is shown nowhere"


def _targets(config: Config) -> Iterator[str]:
    bots = {each.name for each in config.feishu if isinstance(each, FeishuBotConfig)}
    for number, route in enumerate(config.routes):
        path = f"routes[{number}]"
        yield from _chats(path, (*route.every_target, route.fallback))
        if any("@" in entry for entry in route.mention) and bots.intersection(route.every_target):
            yield f"{path}.mention has e-mail addresses, which a group bot cannot mention"
        yield from _strangers(path, route)
    yield from _chats("operators_target", (config.operators_target,))
    used = {target.partition(":")[0] for target in (config.operators_target, *_all(config.routes))}
    for each in config.feishu:
        if each.name not in used:
            yield f"no route shows anything in {each.name}"


def _strangers(path: str, route: Route) -> Iterator[str]:
    """Warn of ids that only one of a chat's apps knows: an open_id is an app's own."""
    people = any(entry.startswith("ou_") for entry in route.mention)
    for target in route.targets:
        if people and isinstance(target, Spread):
            apps = " and ".join(target.apps)
            yield (
                f"{path}.mention has open_ids, each of which only one app knows, and {apps} "
                f"share {target.chat}: write e-mail addresses"
            )
            return


def _quotas(config: Config) -> Iterator[str]:
    """Warn of cards that have nowhere to go once a tenant's calls of the month are used up."""
    apps = [each for each in config.feishu if isinstance(each, FeishuAppConfig)]
    limited = {each.tenant for each in apps if each.monthly_quota}
    short = {each.name for each in apps if each.tenant in limited}
    for number, route in enumerate(config.routes):
        used = [target.partition(":")[0] for target in route.every_target]
        if not short.issuperset(used):
            continue  # somewhere the incident is shown all the same
        name = used[0]
        if not route.fallback:
            yield (
                f"routes[{number}] has no fallback: when the monthly quota of {name} is used up, "
                "its cards wait for the next month"
            )
        elif route.fallback.partition(":")[0] in short:
            yield f"routes[{number}].fallback has a monthly quota too: name a group bot"


def _all(routes: tuple[Route, ...]) -> Iterator[str]:
    for route in routes:
        yield from (*route.every_target, route.fallback)


def _chats(path: str, targets: tuple[str, ...]) -> Iterator[str]:
    for target in targets:
        name, colon, chat = target.partition(":")
        if colon and not chat.startswith("oc_"):
            yield f"{path} sends to a chat of {name} whose id does not begin with oc_"
