"""The rules of ``policy``: who may do what, as people write it."""

import re

from receiver.config.kinds import Kind, choice, duration, integer, listed, pattern
from receiver.config.place import Place
from receiver.config.section import section
from receiver.domain.matcher import Matcher
from receiver.domain.policy import CHAT, EVERYBODY, ON_CALL, Permission, Rule

MINUTE = 60_000
YEAR = 365 * 24 * 60 * MINUTE
ALERTS_MOST = 1_000_000
EVERYTHING = "all"
_ID = r"[A-Za-z0-9_-]{1,64}"
_WHO = re.compile(
    rf"{EVERYBODY}|o[un]_{_ID}|{CHAT}oc_{_ID}|{ON_CALL}[a-z0-9][a-z0-9_-]{{0,62}}"
    r"|[^\s@<>\"]{1,64}@[A-Za-z0-9.-]{1,255}"
)
_WHO_CURE = (
    "write an open_id (ou_…), a union_id (on_…), an e-mail address, chat:oc_…, oncall:NAME, or all"
)
_named = pattern(_WHO, _WHO_CURE)


def _who(place: Place) -> str:
    text = _named(place)
    if text.startswith(ON_CALL) and text.removeprefix(ON_CALL) not in place.notes.lists:
        known = ", ".join(f"{ON_CALL}{each}" for each in sorted(place.notes.lists))
        raise place.refuse(f"name a list of oncall: {known}" if known else "add it to oncall")
    return text.lower() if "@" in text else text  # the directory makes no difference either


def _all_of(words: list[str]) -> frozenset[Permission]:
    return frozenset(Permission) if EVERYTHING in words else frozenset(map(Permission, words))


def rule_kind(matcher: Kind[Matcher]) -> Kind[Rule]:
    """Return the kind of a rule."""
    return section(
        Rule,
        {
            "who": listed(Kind("person", _who), least=1),
            "may": listed(choice(*Permission, EVERYTHING), least=1, make=_all_of),
            "match": listed(matcher),
            "longest": duration(MINUTE, YEAR),
            "broad": integer(0, ALERTS_MOST),
        },
    )
