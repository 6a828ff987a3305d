"""Where a card leads: runbook, dashboard, source, silences, and the incident itself."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

from receiver.channels.base import View
from receiver.channels.feishu.facts import Facts
from receiver.channels.feishu.grafana import around
from receiver.channels.feishu.markdown import safe_url
from receiver.channels.feishu.text import plain
from receiver.domain.incident import Kind
from receiver.domain.reason import State
from receiver.phrases import Phrase, Said, say

TITLE_LIMIT = 40
_ANNOTATED = (
    (("runbook_url", "runbook"), Phrase.LINK_RUNBOOK),
    (("dashboard_url", "dashboard", "dashboardURL", "grafana_url"), Phrase.LINK_DASHBOARD),
    (("panel_url", "panelURL"), Phrase.LINK_PANEL),
)


class Bounds(NamedTuple):
    """How many links a card has, and how many characters an address."""

    most: int
    longest: int


def links(
    view: View, facts: Facts, own: Iterable[tuple[Said, str]], bounds: Bounds
) -> list[tuple[Said, str]]:
    """Return the links that open, within bounds; ``own`` are those of the users' templates."""
    found: dict[str, Said] = {}
    for name, address in _candidates(view, facts, own):
        url = safe_url(address) if address else ""
        if url and len(url) <= bounds.longest:
            found.setdefault(url, name)
    return [(name, url) for url, name in found.items()][: bounds.most]


def _candidates(
    view: View, facts: Facts, own: Iterable[tuple[Said, str]]
) -> Iterator[tuple[Said, str]]:
    annotations: Mapping[str, str] = {} if facts.first is None else facts.first.annotations
    for title, address in view.incident.links:
        name = plain(title, TITLE_LIMIT)
        yield (Said(name, name) if name else say(Phrase.LINK_SOURCE)), address
    for names, phrase in _ANNOTATED:
        address = next((annotations[name] for name in names if annotations.get(name)), "")
        timed = phrase is not Phrase.LINK_RUNBOOK
        yield say(phrase), around(address, facts.since, facts.until) if timed else address
    for called, address in own:
        yield Said(*(plain(text, TITLE_LIMIT) for text in called)), address
    if facts.first is not None:
        yield say(Phrase.LINK_SOURCE), facts.first.url
    if facts.state is not State.RESOLVED:
        yield say(Phrase.LINK_SILENCES), _silences(view, annotations)
    yield say(Phrase.LINK_CONSOLE), console(view)


def console(view: View, incident: int = 0) -> str:
    """Return where the whole incident, or another, can be read; empty without such a place."""
    if not view.console_url:
        return ""
    number = incident or view.incident.id
    return safe_url(f"{view.console_url.rstrip('/')}/incidents/{number}")


def _silences(view: View, annotations: Mapping[str, str]) -> str:
    """Return Alertmanager's page of the silence in force, or the one that makes a new one."""
    base = (view.source_url or view.incident.external_url).rstrip("/")
    if annotations.get("silence_url"):
        return annotations["silence_url"]
    if not base or view.incident.kind is not Kind.ALERTS:
        return ""
    for silence in view.incident.silences:
        if silence.holds and silence.silence_id:
            return f"{base}/#/silences/{quote(silence.silence_id, safe='')}"
    group = view.incident.group_labels
    return f"{base}/#/silences/new?filter={_filter(group)}" if group else f"{base}/#/silences"


def alerts_page(base: str, labels: Mapping[str, str]) -> str:
    """Return Alertmanager's page of the alerts with these labels; empty for a bad address."""
    if not base:
        return ""
    page = f"{base.rstrip('/')}/#/alerts"
    return safe_url(f"{page}?filter={_filter(labels)}" if labels else page)


def _filter(labels: Mapping[str, str]) -> str:
    pairs = [f"{name}={_quoted(value)}" for name, value in labels.items()]
    return quote("{" + ",".join(pairs) + "}", safe="", errors="replace")


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
