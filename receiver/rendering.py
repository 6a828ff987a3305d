"""What ``receiver render`` does: a webhook body becomes the card that it would be."""

import json
from collections.abc import Mapping
from pathlib import Path

from receiver.assembly import rules_of, templates_of
from receiver.channels.base import View
from receiver.channels.feishu.card import render_app, render_bot
from receiver.channels.feishu.content import read_content
from receiver.channels.templates import Templates
from receiver.config import BadConfig, load
from receiver.domain.absorb import absorb
from receiver.domain.card import (
    Card,
    Rung,
)
from receiver.domain.incident import Placement, Rules
from receiver.domain.reason import CardReason
from receiver.ingest import body as bodies

# When the alerts of an example are drawn: the moment that the newest of them began.
NO_TIME = 1


def render_body(
    raw: bytes, path: Path | None, environ: Mapping[str, str], *, bot: bool
) -> tuple[str, str]:
    """Return what is wrong, and the card as indented JSON; one of them is empty."""
    try:
        rules, templates = Rules(), Templates()
        if path is not None:
            config = load(path, environ)
            rules = rules_of(config)
            templates = templates_of(config)
        body = bodies.decode(raw)
    except bodies.Malformed as wrong:
        return f"the body cannot be read: {wrong}", ""
    except BadConfig as wrong:
        return f"{path} cannot be used:\n{wrong}", ""
    notice = bodies.notice(body, "render", (Placement("render"),), "")
    now = max((alert.starts_at or NO_TIME for alert in notice.alerts), default=NO_TIME)
    change = absorb(None, {}, notice, rules, now)
    if change.incident is None:
        return "nothing fires in this body, so it would open no card", ""
    view = View(
        incident=change.incident._replace(id=1),
        members=change.members,
        card=Card(id=1, incident=1, target="render"),
        now=now,
        reason=CardReason.FIRST,
        scale=rules.scale,
        templates=templates,
    )
    drawn = read_content((render_bot if bot else render_app)(view, Rung.WHOLE))
    if drawn is None:
        return "the card could not be drawn: report this", ""
    return "", json.dumps(json.loads(drawn.text), ensure_ascii=False, indent=2)
