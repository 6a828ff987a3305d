"""Configurations whose every secret can be recognised wherever it turns up."""

from pathlib import Path
from typing import Any, Final

import yaml

Json = dict[str, Any]

HOOK_TOKEN: Final = "f00dfeed-5ec2-4e70-9aaa-hooktokensecret"  # noqa: S105  (made up)
SECRETS: Final = {
    "webhook_token": "s3cr3t-webhook-token-aaaa",
    "ops_token": "s3cr3t-ops-token-bbbb",
    "agent_token": "s3cr3t-agent-token-cccc",
    "app_secret": "s3cr3t-app-secret-dddd",
    "encrypt_key": "s3cr3t-encrypt-key-eeee",
    "verification_token": "s3cr3t-verification-ffff",
    "hook_secret": "s3cr3t-hook-secret-gggg",
    "basic_password": "s3cr3t-basic-password-hhhh",
    "header": "s3cr3t-header-value-iiii",
    "hook_token": HOOK_TOKEN,
}
NOWHERE: Final = "http://127.0.0.1:9"


def document(folder: Path, *, feishu: str = NOWHERE, alertmanager: str = NOWHERE) -> Json:
    """Return a configuration with everything that may be secret in it."""
    return {
        "server": {
            "listen": "127.0.0.1:0",
            "ops_listen": "127.0.0.1:0",
            "external_url": "http://receiver.test",
            "ops_token": SECRETS["ops_token"],
            "shutdown_timeout": "10s",
        },
        "store": {"url": f"sqlite:///{folder}/receiver.db"},
        "alertmanagers": [
            {
                "name": "prod",
                "urls": [alertmanager],
                "webhook_token": SECRETS["webhook_token"],
                "basic_auth": {"username": "receiver", "password": SECRETS["basic_password"]},
                "headers": {"X-Scope-OrgID": SECRETS["header"]},
            }
        ],
        "agents": [{"name": "helper", "token": SECRETS["agent_token"]}],
        "feishu": [
            {
                "name": "ops",
                "base_url": feishu,
                "app_id": "cli_a1",
                "app_secret": SECRETS["app_secret"],
                "encrypt_key": SECRETS["encrypt_key"],
                "verification_token": SECRETS["verification_token"],
            },
            {
                "name": "legacy",
                "webhook_url": f"{feishu}/open-apis/bot/v2/hook/{HOOK_TOKEN}",
                "secret": SECRETS["hook_secret"],
            },
        ],
        "routes": [{"targets": ["ops:oc_production_alerts", "legacy"]}],
        "log": "debug",
    }


def write(folder: Path, config: Json) -> Path:
    """Write a configuration, and return its path."""
    path = folder / "receiver.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    return path


def leaks(text: str | bytes) -> list[str]:
    """Return the names of the secrets that a text holds."""
    raw = text.encode() if isinstance(text, str) else text
    return [name for name, secret in SECRETS.items() if secret.encode() in raw]
