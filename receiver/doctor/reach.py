"""Whether the platform can reach us: by our own callback address, or by a long connection."""

import base64
import hashlib

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from receiver.channels.feishu.content import UNREADABLE
from receiver.channels.feishu.http import Answer, Request, exchange, explain
from receiver.channels.feishu.seal import signature
from receiver.channels.feishu.stream_endpoint import PATH, Endpoint, read_endpoint
from receiver.config import FeishuAppConfig, Secret
from receiver.doctor.finding import Finding, fail, ok, unknown
from receiver.doctor.kit import TIMEOUTS, Kit

_BLOCK = 16
_OK = 200
_REFUSED = 403
_NOT_FOUND = 404


class _Answer(msgspec.Struct):
    challenge: str = ""


async def examine_callback(kit: Kit, app: FeishuAppConfig) -> list[Finding]:
    """Ask our own callback address, as the platform's console does, signed with the app's keys."""
    where = f"feishu {app.name}"
    base = kit.config.server.external_url
    if app.callbacks != "http":
        return [await _stream(kit, app, where)]
    if not base:
        cure = "set server.external_url to where the platform reaches the receiver"
        return [unknown(where, "whether clicks arrive cannot be asked", cure)]
    url = f"{base}/callbacks/feishu/{app.name}"
    challenge = hashlib.sha256(f"{kit.world.now()} {kit.world.luck()}".encode()).hexdigest()
    body, headers = _sealed(app, challenge, kit.world.now() // 1000)
    request = Request(
        method="POST",
        url=url,
        template="/callbacks/feishu/:app",
        shown_url=url,
        body=body,
        headers=headers,
    )
    answer = await exchange(kit.http, request, TIMEOUTS.total)
    if isinstance(answer, Exception):
        cure = "start the receiver, and check the proxy, the name and the certificate before it"
        return [fail(where, f"{url} is not reached from here ({explain(answer).detail})", cure)]
    return [_judged(where, url, answer, challenge)]


async def _stream(kit: Kit, app: FeishuAppConfig, where: str) -> Finding:
    """Ask where the long connection would be made, and make none: the receiver has it."""
    url = app.base_url + PATH
    body = {"AppID": app.app_id, "AppSecret": app.app_secret.reveal()}
    request = Request(
        method="POST",
        url=url,
        template=PATH,
        shown_url=url,
        body=msgspec.json.encode(body),
        headers={"locale": "zh"},
    )
    answer = await exchange(kit.http, request, TIMEOUTS.total)
    if isinstance(answer, Exception):
        said = f"the long connection's endpoint is not reached ({explain(answer).detail})"
        return fail(where, said, "allow base_url in the firewall or proxy")
    found = read_endpoint(answer.status, answer.body, app.base_url)
    if isinstance(found, Endpoint):
        return ok(where, "the long connection is offered: its endpoint knows the app")
    said = f"the long connection is not to be had ({found.detail})"
    return fail(where, said, found.cure) if found.cure else unknown(where, said)


def _judged(where: str, url: str, answer: Answer, challenge: str) -> Finding:
    if answer.status == _REFUSED:
        cure = "restart it with this configuration, and let the proxy pass the X-Lark- headers on"
        return fail(where, f"{url} refuses what is signed with these keys", cure)
    if answer.status == _NOT_FOUND:
        cure = "let the proxy pass /callbacks/ on, and restart the receiver with this app"
        return fail(where, f"{url} answers 404", cure)
    try:
        told = msgspec.json.decode(answer.body, type=_Answer).challenge
    except UNREADABLE:
        told = ""
    if answer.status != _OK or told != challenge:
        cure = "something else answers there: check the proxy and server.external_url"
        return fail(where, f"{url} answers {answer.status}, without our challenge", cure)
    return ok(where, f"{url} answers, and knows the app's keys; enter it on the app's page")


def _sealed(app: FeishuAppConfig, challenge: str, seconds: int) -> tuple[bytes, dict[str, str]]:
    """Return a challenge as the platform sends it: encrypted and signed where there is a key."""
    said = {
        "type": "url_verification",
        "challenge": challenge,
        "token": _reveal(app.verification_token),
    }
    body = msgspec.json.encode(said)
    key = _reveal(app.encrypt_key)
    if not key:
        return body, {}
    initial = hashlib.sha256(challenge.encode()).digest()[:_BLOCK]
    sealed = msgspec.json.encode({"encrypt": encrypted(key, body, initial)})
    timestamp, nonce = str(seconds), challenge[:_BLOCK]
    headers = {
        "X-Lark-Request-Timestamp": timestamp,
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": signature(timestamp, nonce, key, sealed),
    }
    return sealed, headers


def encrypted(key: str, plain: bytes, initial: bytes) -> str:
    """Encrypt as the platform does; ``initial`` is the vector, which must differ each time."""
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(plain) + padder.finalize()
    cipher = Cipher(AES(hashlib.sha256(key.encode()).digest()), CBC(initial))
    encryptor = cipher.encryptor()
    return base64.b64encode(initial + encryptor.update(padded) + encryptor.finalize()).decode()


def _reveal(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()
