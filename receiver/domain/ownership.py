"""Who looks after an incident: what clicks, news and the time make of it.

An acknowledgement is a person's, and holds for a while: its owner is reminded a little before its
end, and either confirms it or loses it. This module alone gives an incident owners and takes them
away.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from receiver.domain.action import Action, ActionKind, Verdict, done, raise_revision
from receiver.domain.audit import trail
from receiver.domain.custody import Hold, Ownership
from receiver.domain.incident import Incident, Kind, Line
from receiver.domain.person import Actor
from receiver.domain.reason import ActionReason

OWNERS_MOST = 20
REMIND_BEFORE = 5 * 60_000  # ms before the end of an acknowledgement, or a sixth of it
REMIND_SHARE = 6


def owners(incident: Incident) -> tuple[Ownership, ...]:
    """Return who acknowledged, the lead first."""
    return () if incident.ack is None else (incident.ack, *incident.custody.helpers)


def is_owned(incident: Incident) -> bool:
    """Whether somebody acknowledged it, or declared it handled."""
    return incident.ack is not None or incident.handled is not None


def unowned_since(incident: Incident) -> int | None:
    """Return since when (Unix ms) nobody looks after it; None while somebody does, or it is over.

    Silences do not count: they are Alertmanager's.
    """
    if is_owned(incident) or incident.closed_at is not None:
        return None
    return incident.custody.unowned or incident.opened_at


def same_person(one: Actor, other: Actor) -> bool:
    """Whether two are one person; an open_id is an app's own, a union_id the tenant's."""
    if one.union_id and other.union_id:
        return one.union_id == other.union_id
    return one.open_id == other.open_id


def acknowledge(known: Incident, action: Action, now: int) -> Verdict:
    """Decide an acknowledgement: it takes the incident, or joins those who have it."""
    having = owners(known)
    if _own(having, action.actor) is not None:
        return Verdict(reason=ActionReason.ALREADY_ACKNOWLEDGED)
    if len(having) >= OWNERS_MOST:
        return Verdict(reason=ActionReason.ENOUGH_OWNERS)
    verdict = done(joined(known, action, now), action, now)
    return replace(verdict, reason=ActionReason.JOINED) if having else verdict


def joined(known: Incident, action: Action, now: int) -> Incident:
    """Return the incident with the actor among its owners, unless they are already or too many."""
    having = owners(known)
    if _own(having, action.actor) is not None or len(having) >= OWNERS_MOST:
        return known
    return _owned(known, (*having, Ownership(action.actor, now, card=action.card)), now)


def give_back(known: Incident, action: Action, now: int) -> Verdict:
    """Decide what taking an acknowledgement back does: it is one's own alone.

    What was declared handled can be taken back by anybody who owns it, and where nobody does.
    """
    having = owners(known)
    own = _own(having, action.actor)
    if own is None and having:
        return Verdict(reason=ActionReason.NOT_YOURS)
    if own is None and known.handled is None:
        return Verdict(reason=ActionReason.NOT_ACKNOWLEDGED)
    left = tuple(owner for owner in having if owner is not own)
    return done(_owned(known._replace(handled=None), left, now), action, now)


def confirm(known: Incident, action: Action, now: int) -> Verdict:
    """Decide what "still on it" does: it confirms one's own, or acknowledges."""
    having = owners(known)
    own = _own(having, action.actor)
    if own is None:
        return acknowledge(known, action, now)
    fresh = own._replace(actor=_fuller(action.actor, own.actor), confirmed=now, reminded=0)
    kept = tuple(fresh if owner is own else owner for owner in having)
    return done(_taken(_owned(known, kept, now)), action, now)


def hand_over(known: Incident, action: Action, now: int) -> Verdict:
    """Decide what handing over does: the chosen person leads.

    Who hands over lets go; nobody else is taken off, a lead by somebody else's hand becomes a
    helper.
    """
    if action.to is None:
        return Verdict(reason=ActionReason.NOBODY_CHOSEN)
    having, to = owners(known), action.to
    if having and same_person(having[0].actor, to):
        return Verdict(reason=ActionReason.LEADS_ALREADY)
    was = _own(having, to)
    chosen = to if was is None else _fuller(to, was.actor)
    lead = Ownership(chosen, now, card=action.card)
    helpers = tuple(
        owner for owner in having if owner is not was and not same_person(owner.actor, action.actor)
    )[: OWNERS_MOST - 1]
    after = _taken(_owned(known, (lead, *helpers), now))
    if not same_person(action.actor, to):  # who takes the lead need not be called
        after = after._replace(custody=after.custody._replace(handed=after.custody.handed + 1))
    line = Line(action.kind, chosen.label, action.actor.label)
    return replace(done(after, action, now), lines=(line,))


Decide = Callable[[Incident, Action, int], Verdict]
DECISIONS: Mapping[ActionKind, Decide] = MappingProxyType(
    {
        ActionKind.ACKNOWLEDGE: acknowledge,
        ActionKind.UNACKNOWLEDGE: give_back,
        ActionKind.CONFIRM: confirm,
        ActionKind.HAND_OVER: hand_over,
    }
)


def handle(known: Incident, action: Action, now: int) -> Incident:
    """Return the incident as declared handled by the actor."""
    return _taken(known._replace(handled=Ownership(action.actor, now, card=action.card)))


def released(known: Incident, now: int) -> Incident:
    """Return the incident with nobody looking after it any more."""
    return _owned(known._replace(handled=None), (), now)


def begun_anew(known: Incident, now: int) -> Incident:
    """Return an incident that re-opens: nobody looks after it, from now on.

    A step that somebody wanted at once before its end is not wanted by now.
    """
    free = released(known, now)
    return free._replace(
        custody=free.custody._replace(unowned=now), escalated=free.escalated._replace(hurried="")
    )


def after_news(known: Incident, count: int, *, worse: bool, now: int) -> Incident:
    """Return the incident as news leaves its owners; ``known`` does not count the news yet.

    Something worse, or so many new alerts since they last looked at it, takes it from them.
    Fewer are theirs, and call nobody.
    """
    if not is_owned(known):
        return known
    since = known.joined + count - known.custody.taken
    if worse or (count and since >= known.custody.hold.reopen_after):
        return released(known, now)
    return known._replace(hushed=known.hushed + count)


def inherit(known: Incident, former: Incident, now: int) -> Incident:
    """Return an open incident with the owners of one that it takes the place of as well."""
    having = owners(known)
    new = [owner for owner in owners(former) if _own(having, owner.actor) is None]
    both = (*having, *(owner._replace(card=0) for owner in new))[:OWNERS_MOST]
    handled = known.handled or former.handled
    after = _owned(known._replace(handled=handled), both, now)
    return _taken(after) if is_owned(after) else after


def narrowed(first: Hold, *others: Hold) -> Hold:
    """Return what holds where several routes say it: the shortest time, the fewest alerts."""
    each = (first, *others)
    return Hold(min(hold.acknowledge_for for hold in each), min(hold.reopen_after for hold in each))


def ends_at(owner: Ownership, hold: Hold) -> int:
    """Return when an acknowledgement lapses, if it is not confirmed; never without a warning."""
    end = (owner.confirmed or owner.at) + hold.acknowledge_for
    return max(end, owner.reminded + _warning(hold)) if owner.reminded else end


def owned_until(incident: Incident) -> int:
    """Return when the last of its acknowledgements lapses; 0 where there is none."""
    return max((ends_at(owner, incident.custody.hold) for owner in owners(incident)), default=0)


def is_asked(incident: Incident) -> bool:
    """Whether an owner was asked whether they are still on it, and has not answered."""
    return any(owner.reminded for owner in owners(incident))


def _told(kind: str, result: str, owner: Actor) -> Line:
    """Tell what the time does to an owner, who is named as the one that it happens to."""
    return Line(kind, "", owner.label, trail(owner, "", result))


def lapse(known: Incident, now: int) -> Verdict:
    """Decide what the time does: it reminds owners, and ends what nobody confirmed."""
    if known.closed_at is not None:
        return Verdict(reason=ActionReason.REPEATED)
    kept: list[Ownership] = []
    lines: list[Line] = []
    asked = False
    for owner in owners(known):
        if _over(known, owner, now):
            lines.append(_told("acknowledgement_lapsed", "lapsed", owner.actor))
        elif not owner.reminded and _asks(known) and _remind_at(known, owner) <= now:
            kept.append(owner._replace(reminded=now))
            lines.append(_told("reminded", "reminded", owner.actor))
            asked = True
        else:
            kept.append(owner)
    if not lines:
        return Verdict(reason=ActionReason.REPEATED)
    after = _owned(known, tuple(kept), now)
    custody = after.custody
    after = after._replace(
        custody=custody._replace(
            reminded=custody.reminded + asked, lapsed=custody.lapsed + (not kept)
        )
    )
    return Verdict(
        reason=ActionReason.DONE, incident=raise_revision(after, now, ""), lines=tuple(lines)
    )


def next_lapse(incident: Incident) -> int | None:
    """Return when the time does the next thing to its owners, or None."""
    if incident.closed_at is not None:
        return None
    times = (
        ends_at(owner, incident.custody.hold)
        if owner.reminded or not _asks(incident)
        else _remind_at(incident, owner)
        for owner in owners(incident)
    )
    return min(times, default=None)


def _asks(incident: Incident) -> bool:
    """Whether owners are reminded: what a digest gathers has no card of its own to do it on."""
    return incident.kind is not Kind.DIGEST


def _over(incident: Incident, owner: Ownership, now: int) -> bool:
    warned = owner.reminded or not _asks(incident)
    return bool(warned) and ends_at(owner, incident.custody.hold) <= now


def _remind_at(incident: Incident, owner: Ownership) -> int:
    hold = incident.custody.hold
    return (owner.confirmed or owner.at) + hold.acknowledge_for - _warning(hold)


def _warning(hold: Hold) -> int:
    return min(REMIND_BEFORE, hold.acknowledge_for // REMIND_SHARE)


def _own(having: tuple[Ownership, ...], actor: Actor) -> Ownership | None:
    return next((owner for owner in having if same_person(owner.actor, actor)), None)


def _fuller(new: Actor, old: Actor) -> Actor:
    """Return what is known of a person: a choice in a menu brings an open_id alone."""
    if new.open_id != old.open_id:
        return new
    return replace(new, union_id=new.union_id or old.union_id, name=new.name or old.name)


def _owned(known: Incident, having: tuple[Ownership, ...], now: int) -> Incident:
    """Return the incident with exactly these owners; who joins has seen all that there is."""
    after = known._replace(
        ack=having[0] if having else None,
        custody=known.custody._replace(helpers=having[1:]),
    )
    if len(having) > len(owners(known)):
        return _taken(after)
    if is_owned(known) and not is_owned(after):
        return after._replace(custody=after.custody._replace(unowned=now))
    return after


def _taken(known: Incident) -> Incident:
    """Return the incident as somebody looked at it just now: later alerts are counted anew."""
    return known._replace(custody=known.custody._replace(taken=known.joined))
