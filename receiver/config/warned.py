"""What a valid configuration still lets happen, and its owner may not want."""

from collections.abc import Iterator

from receiver.config.values import Config, FeishuBotConfig, Route


def warned(config: Config) -> tuple[str, ...]:
    """Return one sentence for each thing to look at."""
    return (*_senders(config), *_routes(config), *_targets(config))


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
            yield f"{path}.urls is empty: no silence can be created in {source.name}"


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
        yield from _chats(f"routes[{number}]", route.targets)
        if any("@" in entry for entry in route.mention) and bots.intersection(route.targets):
            yield f"routes[{number}].mention has e-mail addresses, which a group bot cannot mention"
    yield from _chats("operators_target", (config.operators_target,))
    used = {target.partition(":")[0] for target in (config.operators_target, *_all(config.routes))}
    for each in config.feishu:
        if each.name not in used:
            yield f"no route shows anything in {each.name}"


def _all(routes: tuple[Route, ...]) -> Iterator[str]:
    for route in routes:
        yield from route.targets


def _chats(path: str, targets: tuple[str, ...]) -> Iterator[str]:
    for target in targets:
        name, colon, chat = target.partition(":")
        if colon and not chat.startswith("oc_"):
            yield f"{path} sends to a chat of {name} whose id does not begin with oc_"
