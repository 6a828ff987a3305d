"""Looks at what a silence would mute before somebody decides on it."""

from dataclasses import replace

from receiver.domain.action import Action, ActionKind
from receiver.domain.incident import Kind
from receiver.domain.reason import ActionReason
from receiver.domain.scope import Matchers, chosen_matchers
from receiver.store.base import Snapshot, Store


async def looked_at(store: Store, action: Action) -> Action:
    """Return the action with what it would mute right now, where that is to be shown first.

    Raises:
        StoreError: the store cannot be read.

    """
    if not _needs_a_look(action):
        return action
    snapshot = await store.snapshot(action.incident)
    matchers = None if snapshot is None else _matchers(snapshot, action)
    if snapshot is None or not matchers:
        return action  # the decision will say why
    return replace(action, found=await store.matching(snapshot.incident, matchers))


def _needs_a_look(action: Action) -> bool:
    chosen = action.kind is ActionKind.SILENCE and action.labels
    return bool(chosen) or action.kind in (ActionKind.PREVIEW, ActionKind.CONFIRM_SILENCE)


def _matchers(snapshot: Snapshot, action: Action) -> Matchers | None:
    incident = snapshot.incident
    if incident.kind is not Kind.ALERTS or incident.closed_at is not None:
        return None
    if action.kind is ActionKind.CONFIRM_SILENCE:
        return None if incident.proposal is None else incident.proposal.matchers
    chosen = chosen_matchers(incident, snapshot.members, action)
    return None if isinstance(chosen, ActionReason) else chosen
