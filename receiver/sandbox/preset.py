"""A small team to start with: the same people, chats and ids every time."""

from dataclasses import dataclass

from receiver.sandbox.desk import Desk
from receiver.sandbox.state import App, Chat, Hook, User

PEOPLE = (
    ("李雷", "li@example.com"),
    ("韩梅梅", "han@example.com"),
    ("王伟", "wang@example.com"),
    ("Alice Chen", "alice@example.com"),
    ("Bob Smith", "bob@example.com"),
    ("Priya Nair", "priya@example.com"),
)
CHATS = (
    ("oc_production_alerts", "生产告警 / on-call"),
    ("oc_platform_team", "平台组"),
    ("oc_customer_service", "客服"),
)
APP_ID = "cli_sandbox"
APP_SECRET = "sandbox-app-secret"  # noqa: S105 - a stand-in's secret, the same for everybody
ENCRYPT_KEY = "sandbox-encrypt-key"
VERIFICATION_TOKEN = "sandbox-verification-token"  # noqa: S105 - the same
HOOK_TOKEN = "00000000-0000-4000-8000-000000000001"  # noqa: S105 - the same
HOOK_SECRET = "sandbox-hook-secret"  # noqa: S105 - the same


@dataclass(frozen=True, slots=True)
class Team:
    """What the preset made."""

    app: App
    users: tuple[User, ...]
    chats: tuple[Chat, ...]
    hook: Hook


def small_team(desk: Desk, callback_url: str = "") -> Team:
    """Create six people, three chats that hold them all, one app bot and one group bot.

    The callback address is taken as it is; use `Desk.set_callback_url` to have it verified.
    """
    users = tuple(
        desk.add_user(name, email, open_id=f"ou_{email.partition('@')[0]}")
        for name, email in PEOPLE
    )
    app = desk.add_app(
        "告警助手",
        app_id=APP_ID,
        secret=APP_SECRET,
        encrypt_key=ENCRYPT_KEY,
        verification_token=VERIFICATION_TOKEN,
        callback_url=callback_url,
    )
    chats = tuple(desk.add_chat(name, chat_id=chat_id) for chat_id, name in CHATS)
    hook = desk.add_hook(chats[1].chat_id, "平台组告警机器人", token=HOOK_TOKEN, secret=HOOK_SECRET)
    return Team(app, users, chats, hook)
