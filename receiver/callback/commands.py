"""What a command does, and what it is answered: exactly once, under the policy of clicks."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from receiver.callback.access import access_of
from receiver.callback.answers import (
    alerts_answer,
    awaits_line,
    help_answer,
    mistaken,
    number,
    refused,
    silence_line,
    silences_answer,
    told,
    why_answer,
)
from receiver.callback.desk import Desk
from receiver.callback.listed import Told
from receiver.callback.muting import left_out, mutes_line, planned
from receiver.callback.refusals import refusal_toast
from receiver.callback.toasts import outcome_of, toast_for
from receiver.channels.base import Channel, Directory
from receiver.channels.feishu.answer_card import Answer, Line
from receiver.domain.action import Action, ActionKind
from receiver.domain.alternatives import spread
from receiver.domain.command import Command, CommandKind, Mistake, parse
from receiver.domain.incident import Incident, Kind
from receiver.domain.listing import standing
from receiver.domain.person import Actor
from receiver.domain.reason import ActionReason
from receiver.domain.scope import scope_matchers
from receiver.domain.silence import GROUP_SCOPE, Silence, is_safe
from receiver.domain.truth import Unanswered
from receiver.phrases import Said
from receiver.phrases.story import now_of
from receiver.store.base import Acted, Snapshot

LOOKED_AT = 500  # incidents that go on, the newest
JOBS_MOST = 10  # silences that one command makes
OUTCOME_WITHIN = 8.0  # seconds for Alertmanager; the answer says where it is not done by then


class Asker(NamedTuple):
    """Who asks, where, by which message, and about which incident if it answers a card."""

    actor: Actor
    place: str
    message: str
    channel: Channel
    incident: int = 0
    trace: str = ""


# What each source says of its silences, or that it did not answer in time.
Hear = Callable[[], Awaitable[Mapping[str, Told]]]
# Who is on call now, by the names of the lists.
OnDuty = Callable[[], Mapping[str, Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Carries commands out; each again gives the same answer and changes nothing more."""

    desk: Desk
    on_duty: OnDuty
    told: Hear

    async def answer(self, text: str, asker: Asker) -> Answer:
        """Do what a text asks for, and say what became of it."""
        command = parse(text, threaded=bool(asker.incident))
        if isinstance(command, Mistake):
            return mistaken(command)
        doing: dict[CommandKind, Callable[[Command, Asker], Awaitable[Answer]]] = {
            CommandKind.ALERTS: self._alerts,
            CommandKind.SILENCES: self._silences,
            CommandKind.SILENCE: self._silence,
            CommandKind.UNSILENCE: self._unsilence,
            CommandKind.ACK: self._acknowledge,
            CommandKind.WHY: self._why,
            CommandKind.ONCALL: self._oncall,
            CommandKind.HELP: self._help,
        }
        return await doing[command.kind](command, asker)

    async def _help(self, _: Command, __: Asker) -> Answer:
        return help_answer()

    async def _alive(self) -> tuple[list[Snapshot], bool]:
        """Return the incidents that go on, and whether there may be more."""
        found = await self.desk.store.alive(LOOKED_AT)
        own = [one for one in found if one.incident.kind is not Kind.DIGEST]
        return own, len(found) >= LOOKED_AT

    async def _alerts(self, command: Command, _: Asker) -> Answer:
        alive, more = await self._alive()
        counted = [
            (one, sum(1 for each in one.members if each.firing and _accepts(command, each.labels)))
            for one in alive
        ]
        kept = [(one, count) for one, count in counted if count]
        kept.sort(key=lambda pair: (pair[0].incident.rank, -pair[0].incident.id))
        return alerts_answer([one for one, _ in kept], [count for _, count in kept], more)

    async def _silences(self, command: Command, _: Asker) -> Answer:
        told = await self.told()
        alive, _more = await self._alive()
        now = self.desk.now()
        own = [
            (one.incident.source, silence)
            for one in alive
            for silence in one.incident.silences
            if silence.holds and silence.ends_at > now
        ]
        heard = {name: one for name, one in told.items() if not isinstance(one, Unanswered)}
        unanswered = {
            name: one.problem for name, one in told.items() if isinstance(one, Unanswered)
        }
        return silences_answer(standing(own, heard, now), command.page, unanswered)

    async def _silence(self, command: Command, asker: Asker) -> Answer:
        base = self._action(ActionKind.SILENCE, asker, comment=command.comment)
        if not command.matchers:
            return await self._silence_card(command, asker, base)
        sets = spread(command.matchers) or ()
        alive, _ = await self._alive()
        plan = planned(alive, sets)
        if not plan.jobs:
            nothing = Said("没有正在告警的告警匹配", "Nothing that fires matches")
            return told(Said("没有执行", "Nothing was done"), (nothing,), good=False)
        lines: list[Line] = []
        for job in plan.jobs[:JOBS_MOST]:
            more = job.host.source if len(sets) == 1 else f"{job.host.source}\0{job.matchers!r}"
            action = replace(
                base,
                id=_id(asker, more),
                incident=job.host.id,
                matchers=job.matchers,
                lasts=command.duration,
            )
            lines += [mutes_line(job), *await self._silenced(action, asker)]
        lines += left_out(plan, JOBS_MOST)
        return Answer(Said("静默", "Silence"), tuple(lines))

    async def _silence_card(self, command: Command, asker: Asker, base: Action) -> Answer:
        """Silence the group of the card that was answered to, exactly as its button does."""
        known = await self.desk.store.snapshot(asker.incident)
        matchers = (
            () if known is None else scope_matchers(known.incident, known.members, GROUP_SCOPE)
        )
        if not is_safe(matchers):
            nothing = Said(
                "此卡片没有可静默的分组标签", "This card's group has no labels to silence"
            )
            return told(Said("没有执行", "Nothing was done"), (nothing,), good=False)
        action = replace(base, incident=asker.incident, matchers=matchers, lasts=command.duration)
        return Answer(Said("静默", "Silence"), tuple(await self._silenced(action, asker)))

    async def _silenced(self, action: Action, asker: Asker) -> list[Line]:
        acted, after = await self._act(action, asker)
        kept = () if after is None else after.incident.silences
        mine = next((one for one in kept if one.id == action.id), None)
        requests = () if after is None else after.incident.requests
        asked = next((one for one in requests if one.id == action.id), None)
        if asked is not None and after is not None:
            cards = await self.desk.store.cards(action.incident)
            here = any(card.target == asker.place for card in cards)
            return [awaits_line(asked, after.incident, here=here)]
        if mine is None or after is None:
            why = _why_not(acted, asker.channel, action, after)
            return [why] if why else [(Said("没有静默", "Not silenced"),)]
        return [silence_line(after.incident.source, mine)]

    async def _unsilence(self, command: Command, asker: Asker) -> Answer:
        alive, _ = await self._alive()
        found = [
            (one, silence)
            for one in alive
            for silence in one.incident.silences
            if _is_meant(silence, one.incident, command, asker)
        ]
        ids = {silence.id for _, silence in found}
        if len(ids) != 1:
            why = (
                Said("没有这样的静默,见:静默列表", "There is no such silence of ours: see silences")
                if not ids
                else Said("不止一个,请写全编号", "There are several: write more of the id")
            )
            return told(Said("没有执行", "Nothing was done"), (why,), good=False)
        host, silence = found[0]
        action = replace(
            self._action(ActionKind.UNSILENCE, asker),
            incident=host.incident.id,
            silence=silence.id,
        )
        acted, after = await self._act(action, asker)
        kept = () if after is None else after.incident.silences
        mine = next((one for one in kept if one.id == silence.id), silence)
        why_not = _why_not(acted, asker.channel, action, after)
        if why_not and acted.verdict.reason is not ActionReason.REPEATED:
            return told(Said("没有执行", "Nothing was done"), why_not, good=False)
        line = silence_line(host.incident.source, mine)
        return told(Said("解除静默", "Unsilence"), line)

    async def _acknowledge(self, command: Command, asker: Asker) -> Answer:
        chosen = await self._chosen(command, asker)
        if isinstance(chosen, Answer):
            return chosen
        action = replace(self._action(ActionKind.ACKNOWLEDGE, asker), incident=chosen)
        acted, after = await self._act(action, asker)
        done = acted.verdict.reason in (ActionReason.DONE, ActionReason.REPEATED)
        if after is None or not done:
            why_not = _why_not(acted, asker.channel, action, after)
            return told(Said("没有执行", "Nothing was done"), why_not or (), good=False)
        said = Said(
            f"{number(after.incident)} 由 {asker.actor.label} 认领",
            f"{number(after.incident)} acknowledged by {asker.actor.label}",
        )
        return told(Said("已认领", "Acknowledged"), (said,))

    async def _chosen(self, command: Command, asker: Asker) -> int | Answer:
        """Return the incident that is meant: named, of the card, or the only one."""
        if command.id:
            return int(command.id) if command.id.isdecimal() and len(command.id) < 16 else 0  # noqa: PLR2004
        if asker.incident:
            return asker.incident
        alive, _ = await self._alive()
        if len(alive) == 1:
            return alive[0].incident.id
        why = Said("请写编号,见:告警", "Name one by its id: see alerts")
        return told(Said("没有执行", "Nothing was done"), (why,), good=False)

    async def _why(self, command: Command, asker: Asker) -> Answer:
        chosen = await self._chosen(command, asker)
        if isinstance(chosen, Answer):
            return chosen
        snapshot = await self.desk.store.snapshot(chosen) if chosen else None
        if snapshot is None:
            unknown = Said("没有这个事件", "There is no such incident")
            return told(Said("没有执行", "Nothing was done"), (unknown,), good=False)
        cards = await self.desk.store.cards(chosen)
        now = now_of(snapshot.incident, snapshot.members, cards)
        return why_answer(now, await self.desk.store.timeline(chosen))

    async def _oncall(self, command: Command, asker: Asker) -> Answer:
        duty = self.on_duty()
        names = [name for name in duty if command.id in ("", name)]
        if not names:
            none = Said("没有这个值班名单", "There is no such list")
            return told(Said("值班", "On call"), (none,), good=not command.id)
        lines: list[Line] = []
        for name in names:
            people = [await _called(each, asker.channel) for each in duty[name]]
            who = ", ".join(people)
            lines.append((Said(f"{name}: {who or '无人'}", f"{name}: {who or 'nobody'}"),))
        return told(Said("值班", "On call"), *lines)

    def _action(self, kind: ActionKind, asker: Asker, comment: str = "") -> Action:
        return Action(
            id=_id(asker, ""),
            kind=kind,
            incident=asker.incident,
            actor=asker.actor,
            at=self.desk.now(),
            scope=GROUP_SCOPE,
            comment=comment,
            trace=asker.trace,
            place=asker.place,
            rules=self.desk.setting().silences,
        )

    async def _act(self, action: Action, asker: Asker) -> tuple[Acted, Snapshot | None]:
        """Apply an action as a click is applied, and return the incident as it is then."""
        desk = self.desk
        access = access_of(desk.setting().policy, action.actor, asker.channel, desk.lists)
        acted = await desk.store.act(action, desk.now(), access)
        reason = acted.verdict.reason
        desk.metrics.callbacks.actions.of(action.kind, outcome_of(reason)).inc()
        desk.count_refusals(acted.verdict, action)
        if acted.verdict.incident is not None:
            desk.wake()
        asked = acted.verdict.silences
        if asked and acted.snapshot is not None:
            desk.silencing.begin(acted.snapshot.incident.source, action.incident, asked)
            await desk.silencing.outcomes(asked, OUTCOME_WITHIN)
        return acted, await desk.store.snapshot(action.incident) or acted.snapshot


def _id(asker: Asker, more: str) -> str:
    """Return the same id for the same command, however often its message arrives."""
    text = f"command\0{asker.channel.name}\0{asker.message}\0{more}".encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _accepts(command: Command, labels: dict[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in command.matchers)


def _is_meant(silence: Silence, incident: Incident, command: Command, asker: Asker) -> bool:
    if not silence.live:
        return False
    if not command.id:
        return incident.id == asker.incident
    wanted = command.id.lower()
    return silence.id.startswith(wanted) or silence.silence_id.lower().startswith(wanted)


def _why_not(acted: Acted, channel: Channel, action: Action, after: Snapshot | None) -> Line | None:
    verdict = acted.verdict
    if verdict.reason in (ActionReason.DONE, ActionReason.REQUESTED):
        return None
    if verdict.ruling is not None:
        toast = refusal_toast(verdict.ruling, _names(channel))
    else:
        toast = toast_for(action.kind, verdict, None if after is None else after.incident)
    return refused(toast).lines[0]


def _names(channel: Channel) -> Callable[[str], str]:
    return channel.known_name if isinstance(channel, Directory) else lambda _: ""


async def _called(who: str, channel: Channel) -> str:
    """Name somebody, who is on a list by an id or an address."""
    found = await channel.people((who,)) if "@" in who else (who,)
    return (_names(channel)(found[0]) if found else "") or who
