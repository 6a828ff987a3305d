"""Who may do what: the rules of the configuration, and whether they permit what a person asks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from receiver.domain.action import Action, ActionKind, Verdict
from receiver.domain.incident import Incident, Line, Member
from receiver.domain.matcher import Matcher
from receiver.domain.person import Actor
from receiver.domain.reason import ActionReason
from receiver.domain.ruling import PERMITTED, PolicyReason, Ruling
from receiver.domain.silence import Silence

EVERYBODY = "all"
CHAT = "chat:"
ON_CALL = "oncall:"
ALERT_NAME = "alertname"
WHO_MOST = 20  # entries of the rules that a refusal names


class Permission(StrEnum):
    """What a rule can permit; the words of ``may``."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    RESOLVE = "resolve"
    APPROVE = "approve"  # what others may only ask for
    ESCALATE = "escalate"


# What each action needs: a new kind of action is one line here.
PERMISSIONS: dict[ActionKind, Permission] = {
    ActionKind.ACKNOWLEDGE: Permission.ACKNOWLEDGE,
    ActionKind.CONFIRM: Permission.ACKNOWLEDGE,
    ActionKind.HAND_OVER: Permission.ACKNOWLEDGE,
    ActionKind.NOTE: Permission.ACKNOWLEDGE,
    ActionKind.UNACKNOWLEDGE: Permission.UNACKNOWLEDGE,
    ActionKind.SILENCE: Permission.SILENCE,
    ActionKind.UNSILENCE: Permission.UNSILENCE,
    ActionKind.PREVIEW: Permission.SILENCE,
    ActionKind.CONFIRM_SILENCE: Permission.SILENCE,
    ActionKind.CANCEL: Permission.SILENCE,
    ActionKind.EXTEND: Permission.SILENCE,
    ActionKind.RESILENCE: Permission.SILENCE,
    ActionKind.RESOLVE: Permission.RESOLVE,
    ActionKind.APPROVE: Permission.APPROVE,
    ActionKind.DECLINE: Permission.APPROVE,
    ActionKind.ESCALATE: Permission.ESCALATE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What some people may do, to what all matchers accept; a silence lasts ``longest`` ms.

    A silence that mutes more than ``broad`` firing alerts, or names no ``alertname``, needs a
    second person.
    """

    who: tuple[str, ...]
    may: frozenset[Permission]
    matchers: tuple[Matcher, ...] = ()
    longest: int = 0  # 0 where any time is short enough
    broad: int | None = None  # None where nobody else is needed


class Policy(NamedTuple):
    """The rules in force; without any, everybody may do everything."""

    rules: tuple[Rule, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it matters how many alerts a silence would mute."""
        return any(rule.broad is not None for rule in self.rules)

    @property
    def emails(self) -> frozenset[str]:
        """The addresses that must be looked up before the rules that name them apply."""
        return frozenset(entry for rule in self.rules for entry in rule.who if "@" in entry)


class Access(NamedTuple):
    """The rules, and what is known of the person beside their ids at the moment of the click."""

    policy: Policy = Policy()
    lists: frozenset[str] = frozenset()  # the on-call lists that they are on now
    emails: frozenset[str] = frozenset()  # those of the rules' addresses that are theirs
    unresolved: frozenset[str] = frozenset()  # those that nobody knows the owner of yet


FREE = Access()


class Asker(NamedTuple):
    """Who asks, and in which chat."""

    actor: Actor
    chat: str = ""


class Touched(NamedTuple):
    """What an action touches: label sets; and the silences that it would begin or lengthen."""

    labels: tuple[dict[str, str], ...]
    silences: tuple[Silence, ...] = ()
    common: dict[str, str] = {}  # noqa: RUF012  (never mutated) # source and receiver
    muting: int = 0  # the firing alerts that the silences would mute


def touched(incident: Incident, members: Iterable[Member]) -> Touched:
    """Return what an action on an incident touches: its firing alerts, or all where none fires."""
    common = {"source": incident.source, "receiver": incident.receiver}
    alerts = tuple(members)
    firing = tuple(member for member in alerts if member.firing) or alerts
    labels = tuple({**member.labels, **common} for member in firing)
    return Touched(labels or (common,), common=common)


def may(access: Access, asker: Asker, kind: ActionKind, what: Touched, now: int) -> Ruling:
    """Say whether the rules permit an action; without rules everything is permitted."""
    if not access.policy.rules:
        return PERMITTED
    need = PERMISSIONS[kind]
    rules = [rule for rule in access.policy.rules if need in rule.may]
    if need is Permission.APPROVE:  # that is what a broad silence needs
        rules = [replace(rule, broad=None) for rule in rules]
    mine = [rule for rule in rules if _names(rule, asker, access)]
    ruling = _rule_on(mine, what, now)
    if ruling.reason in (PolicyReason.PERMITTED, PolicyReason.NEEDS_APPROVAL):
        return ruling
    hoped = [rule for rule in rules if _may_name(rule, asker, access)]
    if _rule_on(hoped, what, now).permitted:
        unknown = (entry for rule in hoped for entry in rule.who if entry in access.unresolved)
        return Ruling(PolicyReason.UNKNOWN_PERSON, tuple(dict.fromkeys(unknown))[:WHO_MOST])
    if ruling.reason is PolicyReason.NOT_PERMITTED:
        return ruling._replace(who=_who(rules, what))
    return ruling


def _rule_on(rules: Sequence[Rule], what: Touched, now: int) -> Ruling:
    if not what.silences:
        accepted = all(any(_accepts(rule, labels) for rule in rules) for labels in what.labels)
        return PERMITTED if accepted else Ruling(PolicyReason.NOT_PERMITTED)
    for silence in what.silences:
        ruling = _rule_on_silence(rules, silence, what, now)
        if not ruling.permitted:
            return ruling
    return PERMITTED


def _rule_on_silence(rules: Sequence[Rule], silence: Silence, what: Touched, now: int) -> Ruling:
    """One rule must permit a silence whole, in all that it can ever mute."""
    muted = [labels for labels in what.labels if silence.covers(labels)]
    able = [rule for rule in rules if all(_accepts(rule, labels) for labels in muted)]
    if not able:
        return Ruling(PolicyReason.NOT_PERMITTED)
    pinned = {**dict(silence.matchers), **what.common}
    missing = [
        tuple(one.name for one in rule.matchers if not pinned.get(one.name)) for rule in able
    ]
    within = [rule for rule, names in zip(able, missing, strict=True) if not names]
    within = [rule for rule in within if _accepts(rule, pinned)]
    if not within:
        return Ruling(PolicyReason.TOO_WIDE, missing=min(missing, key=len))
    return _rule_on_size(within, silence, what.muting, now)


def _rule_on_size(rules: Sequence[Rule], silence: Silence, muting: int, now: int) -> Ruling:
    lasts = silence.latest - now
    brief = [rule for rule in rules if not rule.longest or lasts <= rule.longest]
    if not brief:
        return Ruling(PolicyReason.TOO_LONG, longest=max(rule.longest for rule in rules))
    named = bool(dict(silence.matchers).get(ALERT_NAME))
    narrow = [rule for rule in brief if rule.broad and named and muting <= rule.broad]
    if narrow or any(rule.broad is None for rule in brief):
        return PERMITTED
    return Ruling(PolicyReason.NEEDS_APPROVAL)


def _accepts(rule: Rule, labels: dict[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in rule.matchers)


def _names(rule: Rule, asker: Asker, access: Access) -> bool:
    return any(is_one(entry, asker, access) for entry in rule.who)


def _may_name(rule: Rule, asker: Asker, access: Access) -> bool:
    """Whether a rule names the asker, or an address that may turn out to be theirs."""
    return _names(rule, asker, access) or any(entry in access.unresolved for entry in rule.who)


def is_one(entry: str, asker: Asker, access: Access) -> bool:
    """Say whether an entry of ``who`` means this person, as far as that is known."""
    actor = asker.actor
    if entry.startswith(CHAT):
        return bool(asker.chat) and entry == f"{CHAT}{asker.chat}"
    if entry.startswith(ON_CALL):
        return entry.removeprefix(ON_CALL) in access.lists
    if "@" in entry:
        return entry in access.emails
    return entry == EVERYBODY or entry in (actor.open_id, actor.union_id)


def _who(rules: Sequence[Rule], what: Touched) -> tuple[str, ...]:
    """Return whom the rules permit it that accept all that is touched."""
    able = [rule for rule in rules if all(_accepts(rule, labels) for labels in what.labels)]
    found = dict.fromkeys(entry for rule in able for entry in rule.who)
    return tuple(found)[:WHO_MOST]


def refused(action: Action, ruling: Ruling) -> Verdict:
    """Return the verdict of a refusal: it changes nothing, and leaves a line."""
    line = Line("refused", f"{action.kind}: {ruling.reason}", action.actor.label)
    return Verdict(reason=ActionReason(ruling.reason), lines=(line,), ruling=ruling)
