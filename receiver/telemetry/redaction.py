"""What must never leave the process in a log line or a span, and how it is masked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

MASK = "***"

# A group bot's URL is its secret: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
_HOOK_PATH = re.compile(
    r"(/open-apis/bot/(?:v\d+/)?hook/|/flow/api/trigger-webhook/)[^\s\"'\\?#/]+"
)
_USERINFO = re.compile(r"://[^\s/@\"'?#\\]+@")
_QUERY = re.compile(
    r"((?:[?&]|^)(?:[a-z_]*token|sign|signature|[a-z_]*secret|ticket|password|api_?key)=)"
    r"[^&\s\"'#\\]+",
    re.IGNORECASE,
)
# Tenant and user access tokens begin with t- and u-, a card's update token with c-.
_PLATFORM_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])([tcu]-)[A-Za-z0-9_]{20,}")
# The look-ahead keeps prose such as "basic authentication" readable.
_CREDENTIALS = re.compile(
    r"\b(bearer |basic )(?=[^\s\"]*[0-9=])[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE
)

_SECRET_KEY = re.compile(
    r"secret|token|passw|authori[sz]ation|api_?key|encrypt_?key|private_?key|credential|cookie"
    r"|signature|webhook_url|hook_url",
    re.IGNORECASE,
)

# One value cannot make the walk endless; what lies deeper is masked whole.
_MAX_DEPTH = 6


def redact_text(text: str) -> str:
    """Mask hook URLs, user information, secret query values and tokens inside any text."""
    # Most lines hold none of these: a look for plain text costs far less than a search.
    if "/hook/" in text or "/trigger-webhook/" in text:
        text = _HOOK_PATH.sub(rf"\1{MASK}", text)
    if "://" in text and "@" in text:
        text = _USERINFO.sub(f"://{MASK}@", text)
    if "=" in text:
        text = _QUERY.sub(rf"\1{MASK}", text)
    if "t-" in text or "c-" in text or "u-" in text:
        text = _PLATFORM_TOKEN.sub(rf"\1{MASK}", text)
    lowered = text.lower()
    if "bearer " in lowered or "basic " in lowered:
        text = _CREDENTIALS.sub(rf"\1{MASK}", text)
    return text


def redact_url(url: str) -> str:
    """Return the URL without what authorises it: a hook's token, user information, query secrets.

    Never raises: a text that is no URL comes back masked as text.
    """
    return redact_text(url)


@lru_cache(maxsize=1024)
def is_secret_key(key: str) -> bool:
    """Whether a value under this key is to be masked whatever it looks like."""
    return _SECRET_KEY.search(key) is not None


def redact_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a mapping with the values of secret keys masked, at any depth.

    Numbers and booleans stay, since `token_expires_in=7200` is no secret.
    """
    return {str(key): _redact(str(key), value, 0) for key, value in values.items()}


def _redact(key: str, value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return MASK if is_secret_key(key) else value
    if value is None or isinstance(value, (int, float)):
        return value
    if depth >= _MAX_DEPTH or is_secret_key(key):
        return MASK
    if isinstance(value, Mapping):
        return {str(k): _redact(str(k), v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact("", item, depth + 1) for item in value]
    return value
