"""Which of Feishu's urgent notices the escalations use, and in which chats."""

from receiver.config import Config, Route
from receiver.domain.escalated import Via

# As the platform's paths call them: urgent_app, urgent_sms, urgent_phone.
NOTICES = (Via.APP, Via.SMS, Via.PHONE)


def urgent_of(config: Config, app: str) -> tuple[Via, ...]:
    """Return the kinds of urgent notices that an app's routes use."""
    used = {
        via
        for route in config.routes
        if any(target.partition(":")[0] == app for target in route.every_target)
        for via in _ways(config, route)
    }
    return tuple(via for via in NOTICES if via in used)


def urgent_targets(config: Config) -> frozenset[str]:
    """Return the targets in which urgent notices may be sent."""
    return frozenset(
        target
        for route in config.routes
        if any(via in NOTICES for via in _ways(config, route))
        for target in route.every_target
    )


def _ways(config: Config, route: Route) -> list[Via]:
    named = (each for each in config.escalations if each.name == route.escalation)
    return [step.via for each in named for step in each.steps]
