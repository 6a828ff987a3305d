"""The line that says how often a group had incidents of late, and how the last one went."""

from receiver.channels.feishu.markdown import short
from receiver.channels.feishu.parts import joined, markdown
from receiver.channels.feishu.people_lines import NAME_LIMIT
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.text import span
from receiver.domain.incident import Incident
from receiver.phrases import Phrase, Said, say

_TEENS = range(11, 14)
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def past_lines(incident: Incident) -> list[Json]:
    """Return the line, where the group had an incident before."""
    past = incident.past
    if not past.openings:
        return []
    count = len(past.openings) + 1
    zh, en = (say(Phrase.HISTORY, count=number) for number in (count, ordinal(count)))
    often = Said(zh.zh_cn, en.en_us)
    owner = short(past.owner, NAME_LIMIT)
    took = span(past.lasted)
    if owner:
        last = say(Phrase.HISTORY_OWNED, who=owner, span=took)
    else:
        last = say(Phrase.HISTORY_UNOWNED, span=took)
    return [markdown(joined(("🔁", joined((often, last), " · ")), " "))]


def ordinal(count: int) -> str:
    """Return a number as English counts with it."""
    ending = "th" if count % 100 in _TEENS else _ENDINGS.get(count % 10, "th")
    return f"{count}{ending}"
