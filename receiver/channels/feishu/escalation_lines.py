"""What an escalation did so far: who was called, how and when, and what went wrong."""

import re

from receiver.channels.base import View
from receiver.channels.feishu.markdown import grey, moment, short
from receiver.channels.feishu.parts import joined, markdown
from receiver.channels.feishu.size import Json
from receiver.domain.escalated import (
    MONTH_SPENT,
    NO_CARD,
    NO_ROOM,
    NOBODY,
    NOT_NEEDED,
    Called,
    CallState,
    Via,
)
from receiver.phrases import Phrase, Said, say

LINES_MOST = 3
NAME_LIMIT = 60
PEOPLE_MOST = 5
PROBLEM_LIMIT = 200

_MARKS = {Via.MENTION: "📣", Via.APP: "🔔", Via.SMS: "💬", Via.PHONE: "📞"}
_DONE = {
    Via.MENTION: Phrase.CALLED_BY_MENTION,
    Via.APP: Phrase.CALLED_BY_APP,
    Via.SMS: Phrase.CALLED_BY_SMS,
    Via.PHONE: Phrase.CALLED_BY_PHONE,
}
_FAILED = {
    Via.MENTION: Phrase.NOT_CALLED_BY_MENTION,
    Via.APP: Phrase.NOT_CALLED_BY_APP,
    Via.SMS: Phrase.NOT_CALLED_BY_SMS,
    Via.PHONE: Phrase.NOT_CALLED_BY_PHONE,
}
# What a person reads of why nobody was called; anything else is told as the platform said it.
_OURS = {
    NOBODY: Phrase.CALL_NOBODY,
    NOT_NEEDED: Phrase.CALL_NOT_NEEDED,
    NO_ROOM: Phrase.CALL_NO_ROOM,
    NO_CARD: Phrase.CALL_NO_CARD,
    MONTH_SPENT: Phrase.CALL_MONTH,
}
_CODES = {
    "99991403": Phrase.CALL_MONTH,
    "230023": Phrase.CALL_UNREAD,
    "230024": Phrase.CALL_QUOTA,
    "230052": Phrase.CALL_FORBIDDEN,
}
_CODE = re.compile(r"code (?P<code>[0-9]{1,10})\b")


def escalation_lines(view: View) -> list[Json]:
    """Return a line for each of the last steps whose outcome is known."""
    over = [each for each in view.incident.escalated.calls if each.state is not CallState.UNDER_WAY]
    return [_line(each) for each in over[-LINES_MOST:]]


def _line(called: Called) -> Json:
    values = {"who": _people(called), "time": moment(called.at)}
    if called.state is CallState.DONE:
        said = joined((_MARKS[called.via], say(_DONE[called.via], **values)), " ")
    elif called.state is CallState.UNKNOWN:
        doubt = say(Phrase.CALL_UNKNOWN, **values)
        said = joined(("⚠️", say(_DONE[called.via], **values), doubt), " ")
    else:
        said = joined(("⚠️", say(_FAILED[called.via], **values)), " ")
    if not called.problem:
        return markdown(said)
    return markdown(joined((said, _problem(called.problem)), "\n"))


def _problem(text: str) -> Said:
    """Say why, in the reader's language where it is known, with the platform's code."""
    found = _CODE.match(text)
    known = _CODES.get(found["code"]) if found else _OURS.get(text)
    told = short(text, PROBLEM_LIMIT)
    said = Said(told, told) if known is None else say(known)
    number = f" ({found['code']})" if found and known is not None else ""
    return Said(grey(f"{said.zh_cn}{number}"), grey(f"{said.en_us}{number}"))


def _people(called: Called) -> str:
    names = [short(name, NAME_LIMIT) for name in called.people[:PEOPLE_MOST]]
    if len(called.people) > PEOPLE_MOST:
        names.append(f"+{len(called.people) - PEOPLE_MOST}")
    return ", ".join(filter(None, names)) or "?"
