"""The folded list of all alerts, in signs of no language: it is written once for all readers."""

from collections.abc import Iterator, Sequence

from receiver.channels.base import View
from receiver.channels.feishu.facts import Facts, headline, listed, own_labels
from receiver.channels.feishu.links import console
from receiver.channels.feishu.markdown import grey, moment, short
from receiver.channels.feishu.parts import markdown, panel
from receiver.channels.feishu.size import Json
from receiver.domain.alert import shown_labels
from receiver.domain.incident import Member, suppressed
from receiver.domain.severity import CRITICAL, SeverityScale
from receiver.phrases import Phrase, Said, say

OWN_MOST = 4  # labels of one line
NAME_LIMIT = 60
VALUE_LIMIT = 60
SAID_LIMIT = 80
PAIRS_LIMIT = 1_500  # characters of a line of labels, escaped
TODAY = 18 * 3_600_000  # ms; what is older shows its day too
PANEL_ID = "alerts"


def wants_list(view: View, facts: Facts) -> bool:
    """Say whether there is anything that only a list can show."""
    return facts.total > 1 or bool(view.incident.truncated)


def alerts_panel(facts: Facts) -> Json:
    """Return the panel that ``fill`` then fills with as many lines as there is room for."""
    shared = _pairs(sorted(facts.common.items()))
    elements = [markdown(grey(shared), small=True)] if shared else []
    return panel(say(Phrase.ALL_ALERTS, count=facts.total), PANEL_ID, elements)


def fill(folded: Json, view: View, facts: Facts, texts: Sequence[str]) -> None:
    """Put these lines into the panel, and say below them what was left out."""
    elements = folded["elements"]
    if texts:
        elements.append(markdown("\n".join(texts)))
    elements += (markdown(said, small=True) for said in _left_out(view, facts.total - len(texts)))


def labels_panel(member: Member) -> Json:
    """Return the panel of a single alert's labels."""
    labels = shown_labels(member.labels)
    shared = _pairs(sorted(labels.items()))
    title = say(Phrase.ALL_LABELS, count=len(labels))
    return panel(title, PANEL_ID, [markdown(shared, small=True)])


def _pairs(labels: Sequence[tuple[str, str]]) -> str:
    """Return labels on one line, as many as there is room for, and how many there was none for."""
    shown: list[str] = []
    room = PAIRS_LIMIT
    for name, value in labels:
        pair = _pair(name, value)
        room -= len(pair)
        if room < 0:
            break
        shown.append(pair)
    if len(labels) > len(shown):
        shown.append(f"… +{len(labels) - len(shown)}")
    return " · ".join(shown)


def _pair(name: str, value: str) -> str:
    return f"{short(name, NAME_LIMIT)}={short(value, VALUE_LIMIT)}"


def _left_out(view: View, left: int) -> Iterator[Said]:
    if left > 0:
        yield left_out(view, left)
    if view.incident.truncated:
        yield say(Phrase.TRUNCATED_LONG, count=view.incident.truncated)


def left_out(view: View, count: int) -> Said:
    """Say how many are not listed, and where they are."""
    url = console(view)
    if url:
        return say(Phrase.LEFT_OUT_LINKED, count=count, url=url)
    return say(Phrase.LEFT_OUT, count=count)


def alert_lines(view: View, facts: Facts, most: int) -> Iterator[str]:
    """Yield one line an alert, the most important first, as they are asked for."""
    for member in listed(view.members, most):
        yield _line(view, facts, member)


def _line(view: View, facts: Facts, member: Member) -> str:
    name = _name(view, facts, member)
    ended = member.until if member.until is not None else member.since
    at = member.since if member.firing else ended
    time = moment(at, day=view.now - at > TODAY)
    if not member.firing:
        return f"{'➖' if member.gone else '✅'} ~~{name}~~ {grey(time)}"
    said = "" if facts.shared_summary else short(headline(member), SAID_LIMIT)
    head = f"{_mark(view, member)} {name} {grey(time)}"
    return f"{head} · {said}" if said else head


def _mark(view: View, member: Member) -> str:
    if suppressed(view.incident, member):
        return "🔕"
    return severity_mark(member.rank, view.scale)


def severity_mark(rank: int, scale: SeverityScale) -> str:
    """Return the sign of how bad something is."""
    if rank <= CRITICAL:
        return "🔴"
    return "🔵" if rank >= len(scale.order) - 1 else "🟠"


def _name(view: View, facts: Facts, member: Member) -> str:
    """Name an alert by what tells it from the others."""
    own = own_labels(member, facts.common, view.scale.label)
    if not own:
        return short(member.labels.get("alertname", ""), VALUE_LIMIT) or "•"
    shown = [f"**{short(own[0][1], VALUE_LIMIT) or '?'}**"]
    shown += [_pair(name, value) for name, value in own[1:OWN_MOST]]
    if len(own) > OWN_MOST:
        shown.append(f"+{len(own) - OWN_MOST}")
    return " ".join(shown)


def plain_name(view: View, facts: Facts, member: Member, limit: int) -> str:
    """Name an alert in plain words, for a menu."""
    own = own_labels(member, facts.common, view.scale.label)
    own = own or sorted(shown_labels(member.labels).items())
    values = [value if at == 0 else f"{name}={value}" for at, (name, value) in enumerate(own)]
    return " · ".join(values[:3])[: 4 * limit]
