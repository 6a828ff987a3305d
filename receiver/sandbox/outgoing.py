"""The HTTP client with which the sandbox calls others."""

import ssl
from functools import cache

import httpx


@cache
def _tls() -> ssl.SSLContext:
    # Loading the certificates takes 20 ms, and every sandbox wants them.
    return httpx.create_ssl_context()


def client() -> httpx.AsyncClient:
    """Return a client without proxies, redirects or limits of time: callers set their own."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(None), trust_env=False, follow_redirects=False, verify=_tls()
    )
