"""How the platform signs and encrypts what it sends.

https://open.feishu.cn/document/event-subscription-guide/event-subscriptions/event-subscription-configure-/configure-encrypt-key
"""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

_BLOCK = AES.block_size // 8


def signature(timestamp: str, nonce: str, encrypt_key: str, body: bytes) -> str:
    """Return what the platform signs a body with, in hex."""
    return hashlib.sha256(_utf8(timestamp + nonce + encrypt_key) + body).hexdigest()


def old_signature(timestamp: str, nonce: str, verification_token: str, body: bytes) -> str:
    """Return what the platform signs a card.action.trigger_v1 with, in hex."""
    return hashlib.sha1(  # noqa: S324  (the platform's choice; it only words a refusal)
        _utf8(timestamp + nonce + verification_token) + body
    ).hexdigest()


def decrypt(encrypt_key: str, text: str) -> bytes:
    """Decrypt an ``encrypt`` field: AES-256-CBC, the IV in front, PKCS7.

    Raises:
        ValueError: for whatever reason it cannot be decrypted.

    """
    sealed = base64.b64decode(text, validate=True)
    cipher = Cipher(AES(hashlib.sha256(_utf8(encrypt_key)).digest()), CBC(sealed[:_BLOCK]))
    decryptor = cipher.decryptor()
    padded = decryptor.update(sealed[_BLOCK:]) + decryptor.finalize()
    unpadder = PKCS7(AES.block_size).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def same(claimed: str, expected: str) -> bool:
    """Compare two texts in a time that tells nothing about where they differ."""
    return hmac.compare_digest(_utf8(claimed), _utf8(expected))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
