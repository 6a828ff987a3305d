"""Tenant access tokens: the 30-minute rule.

https://open.feishu.cn/document/server-docs/authentication-management/access-token
"""

from typing import Any

from receiver.sandbox.errors import Refused
from receiver.sandbox.gateway import Ask, limited
from receiver.sandbox.limits import APP_RULES
from receiver.sandbox.state import App, Tenant, Token

LIFE_MS = 7_200_000
# With at least this much life left a call gets the same token again.
SAME_ABOVE_MS = 1_800_000


def issue(tenant: Tenant, app: App) -> Token:
    """Return the app's token: the living one, or a new one beside it once it is short-lived."""
    now = tenant.clock.now()
    app.tokens = [token for token in app.tokens if token.expires_at > now]
    if app.tokens and app.tokens[-1].expires_at - now >= SAME_ABOVE_MS:
        return app.tokens[-1]
    token = Token(tenant.ids.mint("t-"), now + LIFE_MS)
    app.tokens.append(token)
    return token


def revoke(app: App) -> None:
    """End every token of the app at once; its next call meets 99991663."""
    app.tokens.clear()


def tenant_access_token(ask: Ask) -> dict[str, Any]:
    """Answer `POST /open-apis/auth/v3/tenant_access_token/internal`."""
    http = ask.tenant.knobs.token_endpoint_http
    try:
        document = ask.document()
    except Refused:
        raise Refused(10003, http=http) from None
    app_id, secret = document.get("app_id"), document.get("app_secret")
    app = ask.tenant.apps.get(app_id) if isinstance(app_id, str) else None
    if app is None or not isinstance(secret, str):
        raise Refused(10003, http=http)
    if any(other.secret == secret for other in ask.tenant.apps.values() if other is not app):
        raise Refused(20002, http=http)
    if secret != app.secret:
        raise Refused(10015, http=http)
    if not app.enabled:
        raise Refused(10014, http=http)
    ask.app = app
    limited(ask.tenant, app, "token", APP_RULES, ask.now)
    token = issue(ask.tenant, app)
    left = (token.expires_at - ask.now) // 1000
    return {"code": 0, "msg": "ok", "tenant_access_token": token.value, "expire": left}
