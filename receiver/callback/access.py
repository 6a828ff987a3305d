"""What is known of a person at the moment of a click: nothing is asked or waited for."""

from collections.abc import Callable

from receiver.channels.base import Directory
from receiver.domain.person import Actor
from receiver.domain.policy import FREE, Access, Policy

# The names of the on-call lists that somebody is on now.
ListsOf = Callable[[Actor], frozenset[str]]


def on_no_list(_: Actor) -> frozenset[str]:
    """Say that nobody is on call."""
    return frozenset()


def access_of(policy: Policy, actor: Actor, channel: object, lists: ListsOf) -> Access:
    """Return the policy with what it needs to know of somebody who acts in this channel."""
    if not policy.rules:
        return FREE
    directory = channel if isinstance(channel, Directory) else None
    owners = {
        email: None if directory is None else directory.known_person(email)
        for email in policy.emails
    }
    return Access(
        policy=policy,
        lists=lists(actor),
        emails=frozenset(
            mail for mail, owner in owners.items() if owner and owner == actor.open_id
        ),
        unresolved=frozenset(mail for mail, owner in owners.items() if owner is None),
    )
