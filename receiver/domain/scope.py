"""What a silence is to mute: a person's choice, as equality matchers."""

import hashlib
from collections.abc import Sequence

from receiver.domain.action import Action
from receiver.domain.incident import Incident, Member
from receiver.domain.matcher import group_key_matchers
from receiver.domain.reason import ActionReason
from receiver.domain.silence import (
    GROUP_SCOPE,
    IDENTITY,
    UNSTABLE_LABELS,
    alert_scope,
    group_scope,
    is_safe,
)

LABELS_MOST = 20  # that a form offers
VALUE_LIMIT = 200

Matchers = tuple[tuple[str, str], ...]


def chosen_matchers(
    known: Incident, members: Sequence[Member], action: Action
) -> Matchers | ActionReason:
    """Return the matchers of what a click chose: labels where it names any, else its scope."""
    if action.labels:
        wanted = set(action.labels)
        found = [pair for pair in shared_labels(members) if label_key(*pair) in wanted]
        if len(found) < len(wanted):
            return ActionReason.CHANGED  # the alerts share other labels than the form offered
        return tuple(sorted(found))
    if not action.scope:
        return ActionReason.UNKNOWN_CHOICE
    matchers = scope_matchers(known, members, action.scope, action.rules.unstable)
    return matchers if is_safe(matchers) else ActionReason.NOTHING_TO_SILENCE


def scope_matchers(
    known: Incident,
    members: Sequence[Member],
    scope: str,
    unstable: Sequence[str] = UNSTABLE_LABELS,
) -> Matchers:
    """Return the equality matchers of a scope; empty where it cannot be offered."""
    firing = [member.labels for member in members if member.firing]
    if not firing:
        return ()
    if scope == GROUP_SCOPE:
        return group_scope(known.group_labels, group_key_matchers(known.group_key), firing)
    for member in members:
        if member.fingerprint == scope and member.firing:
            return alert_scope(member.labels, unstable)
    return ()


def shared_labels(members: Sequence[Member]) -> Matchers:
    """Return the labels that all firing alerts share and a form can offer, the name first."""
    firing = [member.labels for member in members if member.firing]
    if not firing:
        return ()
    first, *others = firing
    shared = [
        (name, value)
        for name, value in first.items()
        if name and value and len(value) <= VALUE_LIMIT
        if all(labels.get(name) == value for labels in others)
    ]
    shared.sort(key=lambda pair: (pair[0] != IDENTITY, pair[0] in UNSTABLE_LABELS, pair[0]))
    return tuple(shared[:LABELS_MOST])


def label_key(name: str, value: str) -> str:
    """Return what a form calls a label: nothing that came from outside is sent back."""
    text = f"{name}\0{value}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=8).hexdigest()
