"""The parts about on-call duty: a configuration's lists, asked and watched."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from receiver.channels.base import Channel
from receiver.config import Config, OncallList
from receiver.domain.escalated import Plan
from receiver.domain.person import Actor
from receiver.oncall.lists import OnCall, OnCallPorts, Roster
from receiver.oncall.remote import Remote, build_http, headers_of
from receiver.telemetry.logs import LogFactory
from receiver.telemetry.metrics import Metrics

FETCHED = {True: "success", False: "failure"}


class Duty:
    """Keeps the on-call lists of the configuration in force."""

    def __init__(
        self,
        config: Config,
        *,
        now: Callable[[], int],
        sleep: Callable[[asyncio.Event, float], Awaitable[None]],
        metrics: Metrics,
        logs: LogFactory,
        channels: Callable[[], Sequence[Channel]],
    ) -> None:
        self._http = build_http()
        self._metrics = metrics.oncall
        self._channels = channels
        ports = OnCallPorts(
            http=self._http,
            now=now,
            sleep=sleep,
            resolve=self._resolve,
            count=lambda name, good: self._metrics.fetches.of(name, FETCHED[good]).inc(),
            log=logs("oncall"),
        )
        self.oncall = OnCall(rosters_of(config), ports)

    async def run(self) -> None:
        """Ask until stopped."""
        await self.oncall.run()

    def stop(self) -> None:
        """Ask no more."""
        self.oncall.stop()

    def lists_of(self, actor: Actor) -> frozenset[str]:
        """Return the lists that somebody is on now."""
        return self.oncall.lists_of(actor.open_id, actor.union_id)

    def adopt(self, config: Config) -> None:
        """Take over a new configuration."""
        self.oncall.adopt(rosters_of(config))

    def observe(self) -> None:
        """Set the gauges; called at each scrape."""
        for name in self.oncall.names:
            standing = self.oncall.standing(name)
            self._metrics.people.of(name).set(len(standing.people))
            self._metrics.age.of(name).set((standing.age or 0) / 1000)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _resolve(self, email: str) -> tuple[str, ...]:
        """Return a person's ids in every app that can look people up."""
        found = await asyncio.gather(*(each.people((email,)) for each in self._channels()))
        return tuple(open_id for ids in found for open_id in ids)


def plans_of(config: Config) -> Mapping[str, Plan]:
    """Return the escalations of a configuration by name."""
    return {each.name: each.plan for each in config.escalations}


def rosters_of(config: Config) -> tuple[Roster, ...]:
    """Return the lists of a configuration as they are asked."""
    return tuple(_roster(each) for each in config.oncall)


def _roster(each: OncallList) -> Roster:
    if each.rotation is not None:
        return Roster(name=each.name, rotation=each.rotation.value)
    if each.ical is not None:
        calendar = each.ical
        remote = Remote(
            calendar=True,
            every=calendar.every,
            url="" if calendar.url is None else calendar.url.reveal(),
            path=calendar.file,
            headers=headers_of(dict(calendar.headers), ""),
            zone="" if calendar.zone is None else calendar.zone.key,
        )
        return Roster(name=each.name, remote=remote)
    if each.http is None:
        raise ValueError(f"the on-call list {each.name} comes from nowhere")
    asked = each.http
    token = "" if asked.bearer_token is None else asked.bearer_token.reveal()
    headers = headers_of(dict(asked.headers), token)
    remote = Remote(calendar=False, every=asked.every, url=asked.url, headers=headers)
    return Roster(name=each.name, remote=remote)
