"""The parts about what people say to the bot: their commands, and the answers within the limits."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from receiver.callback.commands import Commands, OnDuty
from receiver.callback.desk import Desk
from receiver.callback.errands import ErrandMeans, Errands
from receiver.callback.feishu import CallbackApp
from receiver.callback.listed import Source, Told, ask_all
from receiver.channels.base import Limit
from receiver.channels.feishu.client import FeishuApp
from receiver.deliver.budget import Ledger, windows_of
from receiver.domain.outcome import Outcome
from receiver.oncall.lists import OnCall

# Counts a made call in its tenant's month, and returns the keys to keep it under.
Charge = Callable[[FeishuApp, Outcome], Sequence[str]]


def duty_of(oncall: OnCall) -> OnDuty:
    """Return who is on call now, by list."""

    def now() -> Mapping[str, Sequence[str]]:
        return {name: oncall.now(name) for name in oncall.names}

    return now


def commands_of(
    desk: Desk, on_duty: OnDuty, sources: Callable[[], Mapping[str, Source]]
) -> Commands:
    """Return what carries commands out; ``sources`` are those of the configuration in force."""

    async def told() -> Mapping[str, Told]:
        return await ask_all(sources(), desk.now())

    return Commands(desk=desk, on_duty=on_duty, told=told)


def errands(
    commands: Commands,
    *,
    apps: Callable[[], Mapping[str, CallbackApp]],
    ledger: Ledger,
    charge: Charge,
    pause: Callable[[float], Awaitable[None]],
) -> Errands:
    """Return what answers people, in the windows that deliveries share."""

    def app(name: str) -> FeishuApp | None:
        found = apps().get(name)
        return None if found is None else found.channel

    def keys(channel: FeishuApp, limits: Sequence[Limit], outcome: Outcome) -> tuple[str, ...]:
        return (*windows_of(limits), *charge(channel, outcome))

    return Errands(
        ErrandMeans(
            app=app,
            commands=commands,
            store=commands.desk.store,
            windows=ledger,
            charge=keys,
            log=commands.desk.log,
            now=commands.desk.now,
            pause=pause,
        )
    )
