"""What people, on-call lists and Alertmanager's recorder do while a receiver is at work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox.server import Sandbox, serve_app
from receiver.sandbox.state import App, Message
from tests.real_alertmanager import wall_clock
from tests.stage import TOKEN, Stage, app_of, source
from tests.stories.bodies import alert
from tests.stories.cards import Json, controls, words
from tests.stories.charted import GENERATOR
from tests.stories.setting import NOWHERE

CHIEF: Final = "韩梅梅"
ASKER: Final = "李雷"
GUEST: Final = "王伟"
POLICY: Final = [
    {"who": ["ou_han"], "may": ["all"]},
    {"who": ["ou_li"], "may": ["acknowledge", "silence"], "broad": 1},
    {"who": ["all"], "may": ["acknowledge"]},
]
DUTY: Final = "duty.ics"
CALENDAR: Final = """\
BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:li@example.com
DTSTART:20200101T000000Z
DTEND:20990101T000000Z
END:VEVENT
END:VCALENDAR
"""
ONCALL: Final = [
    {"name": "db", "ical": {"file": DUTY, "every": "10s"}},
    {
        "name": "web",
        "rotation": {
            "zone": "Asia/Shanghai",
            "start": "2026-01-05",
            "every": "7d",
            "people": ["wang@example.com"],
        },
    },
]
ESCALATIONS: Final = [
    {
        "name": "database",
        "steps": [
            {"after": "5m", "via": "mention", "whom": ["oncall:db"]},
            {"after": "10m", "via": "sms"},
            {"after": "15m", "via": "phone"},
        ],
    }
]
FORM: Final = {"scope": "group", "duration": "1h"}
ELSEWHERE: Final = {
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "2100-01-01T00:00:00Z",
    "createdBy": "somebody else",
    "comment": "ticket 7",
}


def peopled(folder: Path) -> dict[str, Any]:
    """Return the settings of who may do what and who is on call; writes the calendar."""
    (folder / DUTY).write_text(CALENDAR)
    return {"policy": POLICY, "oncall": ONCALL, "escalations": ESCALATIONS}


def sources(url: str, prometheus: str) -> list[Json]:
    """Return a source that answers, whose alerts are drawn, and one that never answers."""
    asked = {**source(url), "reconcile_every": "5s", "prometheus": {"url": prometheus}}
    return [asked, {**source(NOWHERE, name="staging"), "reconcile_every": "5s"}]


@asynccontextmanager
async def drawing() -> AsyncIterator[str]:
    """Serve what a card's chart is drawn of until the block ends."""
    app = Starlette(routes=[Route("/{path:path}", _drawn, methods=["POST"])])
    async with serve_app(app, closing=lambda: None) as url:
        yield url


async def _drawn(_: Request) -> Response:
    now = wall_clock() // 1000
    row = {"metric": {"instance": "db-1"}, "values": [[now - 60, "91"], [now, "92"]]}
    return JSONResponse({"status": "success", "data": {"result": [row]}})


def streamed(sandbox: Sandbox) -> tuple[App, Json]:
    """Return an app of the sandbox that is called by a long connection, and its entry."""
    sandbox.state.turn(ws_reconnect_nonce_s=0, ws_reconnect_interval_s=1, ws_ping_interval_s=1)
    app = sandbox.state.add_app("值班助手")
    own = {"name": "duty", "app_id": app.app_id, "app_secret": app.secret}
    shared = {"base_url": app_of(sandbox)["base_url"], "callbacks": "long_connection"}
    return app, own | shared


async def helped(at: Stage, app: App) -> None:
    """Ask the bot for help along its long connection, and cut that."""
    await at.until(lambda: at.desk.tenant.lines.of(app.app_id))
    assert at.desk.use_long_connection(app.app_id) is None
    chat = at.desk.private(app.app_id, "ou_li").chat_id
    answered = len(at.messages(chat)) + 2
    at.desk.say(chat, "ou_li", "help")
    await at.until(lambda: len(at.messages(chat)) >= answered)
    at.desk.cut_connections(app.app_id)


async def approved(at: Stage, name: str) -> None:
    """Have a group escalated, refused to a guest, and silenced by two people."""
    await at.fire(alert(name, instance="db-1"), alert(name, instance="db-2"))
    card = await card_of(at, name)
    await at.click(card, "escalate", CHIEF)
    await at.click(card, "silence", GUEST, **FORM)
    await at.click(card, "silence", ASKER, **FORM)
    await at.until(lambda: "approve" in controls(card.content))
    await at.click(card, "approve", CHIEF)


async def card_of(at: Stage, name: str) -> Message:
    """Wait for the newest card that says a name."""
    return await at.desk.until(
        lambda: next(
            (m for m in reversed(at.messages()) if name in words(m) and controls(m.content)), None
        )
    )


async def muted_elsewhere(at: Stage, url: str, name: str) -> None:
    """Silence an alert by another tool, and have the event recorder tell of it."""
    began = datetime.fromtimestamp(wall_clock() / 1000, UTC).isoformat()
    fired = {**alert(name), "startsAt": began, "generatorURL": GENERATOR}
    await at.fire(fired)
    told = [{"labels": fired["labels"], "startsAt": fired["startsAt"]}]
    (await at.http.post(f"{url}/api/v2/alerts", json=told)).raise_for_status()
    matcher = {"name": "alertname", "value": name, "isRegex": False}
    silence = {**ELSEWHERE, "matchers": [matcher]}
    (await at.http.post(f"{url}/api/v2/silences", json=silence)).raise_for_status()
    events = f"{at.receiver.url}/webhooks/alertmanager/prod/events"
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    (
        await at.http.post(events, json={"data": {"silenceCreated": {}}}, headers=bearer)
    ).raise_for_status()
