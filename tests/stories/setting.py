"""The configuration of a story's receiver: one source, one app, one group bot of the sandbox."""

from pathlib import Path
from typing import Any, Final

from receiver.sandbox.preset import Team
from receiver.sandbox.server import Sandbox
from tests.stories.cards import Json

TOKEN: Final = "story-webhook-token"  # noqa: S105  (this machine's alone)
AGENT_TOKEN: Final = "story-agent-token"  # noqa: S105
PRODUCTION: Final = "oc_production_alerts"
PLATFORM: Final = "oc_platform_team"
SERVICE: Final = "oc_customer_service"
NOWHERE: Final = "http://127.0.0.1:9"
SECRETS: Final = ("sandbox-app-secret", "sandbox-encrypt-key", "sandbox-verification-token")


def settings(sandbox: Sandbox, folder: Path, **keys: Any) -> Json:
    """Return a configuration; ``keys`` replace whole top-level keys of it."""
    document: Json = {
        "server": {
            "listen": "127.0.0.1:0",
            "ops_listen": "127.0.0.1:0",
            "external_url": "http://receiver.test",
            "shutdown_timeout": "5s",
        },
        "store": {"url": f"sqlite:///{folder}/receiver.db"},
        "alertmanagers": [source(NOWHERE)],
        "agents": [{"name": "helper", "token": AGENT_TOKEN}],
        "feishu": [app_of(sandbox), bot_of(sandbox)],
        "routes": [{"targets": [f"ops:{PRODUCTION}"]}],
    }
    return {**document, **keys}


def source(*urls: str, name: str = "prod") -> Json:
    """Return an entry of ``alertmanagers``."""
    return {"name": name, "urls": list(urls), "webhook_token": TOKEN}


def app_of(sandbox: Sandbox, base_url: str = "") -> Json:
    """Return the entry of the sandbox's app; ``base_url`` is where it is reached, if elsewhere."""
    app = team_of(sandbox).app
    return {
        "name": "ops",
        "base_url": base_url or sandbox.platform_url,
        "app_id": app.app_id,
        "app_secret": app.secret,
        "encrypt_key": app.encrypt_key,
        "verification_token": app.verification_token,
    }


def bot_of(sandbox: Sandbox, base_url: str = "") -> Json:
    """Return the entry of the sandbox's group bot; ``base_url`` as in ``app_of``."""
    hook = team_of(sandbox).hook
    url = sandbox.hook_url.replace(sandbox.platform_url, base_url or sandbox.platform_url)
    return {"name": "legacy", "webhook_url": url, "secret": hook.secret}


def team_of(sandbox: Sandbox) -> Team:
    """Return the people, chats and bots that the sandbox starts with."""
    if sandbox.team is None:
        raise LookupError("this sandbox has no team")
    return sandbox.team
