"""The contract's vectors for signatures and encryption."""

import base64

from receiver.sandbox.crypto import encrypt, signature
from receiver.sandbox.hooks import sign
from tests.sandbox.driver import decrypted

BODY = (
    b'{"encrypt":"AAECAwQFBgcICQoLDA0ODw9mLTIAZS9jAmGTQ1wAhHp7T0KSqa6xlIO2zHinxKSs1K4/7o0J6jqt9'
    b"tlbOFlHae7/cvXLvNi4ZpCEt5KzcrL1tjJXRzgeOikjXBgef8ne"
    b'"}'
)
CHALLENGE = b'{"challenge":"ajls384kdjxxxx","token":"xxxxxx","type":"url_verification"}'


def test_the_signature_covers_time_nonce_key_and_raw_body() -> None:
    made = signature("1700000000", "nonce-1", "test key", BODY)
    assert made == "c4c8132bc97b55b6b9302a7650fedf8cf010d8b41ac73f68bdc91083d7d7adf5"


def test_encryption_matches_the_captured_body() -> None:
    text = encrypt(CHALLENGE, "test key", bytes(range(16)))
    assert b'{"encrypt":"' + text.encode() + b'"}' == BODY


def test_encryption_matches_the_documented_example() -> None:
    documented = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="
    assert decrypted(documented, "test key") == b"hello world"
    assert encrypt(b"hello world", "test key", base64.b64decode(documented)[:16]) == documented


def test_a_hook_is_signed_with_the_string_as_the_key() -> None:
    assert sign("1599360473", "demo") == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
