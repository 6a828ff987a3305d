"""Configurations for tests, and what is said about wrong ones."""

from pathlib import Path

from receiver.config import BadConfig, Config, parse

HERE = Path("/nowhere")
BODY = """
alertmanagers:
  - {name: prod, urls: ["http://am:9093"], webhook_token: t}
feishu:
  - {name: ops, app_id: cli_a1, app_secret: s, encrypt_key: k}
  - {name: legacy, webhook_url: "https://open.feishu.cn/open-apis/bot/v2/hook/h"}
"""
ROUTES = "routes:\n  - targets: ['ops:oc_1', legacy]\n"
WHOLE = BODY + ROUTES


def made(text: str, environ: dict[str, str] | None = None, base: Path = HERE) -> Config:
    """Read a configuration that has no problem."""
    return parse(text, environ or {}, base)


def problems(text: str, environ: dict[str, str] | None = None, base: Path = HERE) -> list[str]:
    """Return what is wrong with a configuration, a line each."""
    try:
        parse(text, environ or {}, base)
    except BadConfig as bad:
        return [str(problem) for problem in bad.problems]
    return []


def added(text: str) -> list[str]:
    """Return what is wrong when this is put below a whole configuration."""
    return problems(f"{WHOLE}{text}\n")
