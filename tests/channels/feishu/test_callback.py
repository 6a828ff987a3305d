"""Callbacks: only what is surely the platform's is read, and nothing makes the check raise."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.callback import (
    BODY_LIMIT,
    Challenge,
    Click,
    Event,
    Keys,
    RefusalReason,
    Refused,
    Replay,
    Verified,
    verify,
)
from receiver.channels.feishu.callback_answer import (
    ToastKind,
    answer,
    answer_challenge,
    toast,
)
from receiver.channels.feishu.seal import decrypt, old_signature, signature
from receiver.sandbox.crypto import encrypt

NOW = 1_700_000_000_000
KEY = "test key"
TOKEN = "vtoken"  # noqa: S105 - a test's
BOTH = Keys(encrypt_key=KEY, verification_token=TOKEN)
PLAIN = Keys(verification_token=TOKEN)

SEALED_CHALLENGE = (
    b'{"encrypt":"AAECAwQFBgcICQoLDA0ODw9mLTIAZS9jAmGTQ1wAhHp7T0KSqa6xlIO2zHinxKSs1K4/7o0J6jqt9tlb'
    b'OFlHae7/cvXLvNi4ZpCEt5KzcrL1tjJXRzgeOikjXBgef8ne"}'
)


def click_body(token: str = TOKEN, **action: Any) -> dict[str, Any]:
    return {
        "schema": "2.0",
        "header": {
            "event_id": "f7984f25108f8137722bb63c",
            "token": token,
            "create_time": "1603977298000000",
            "event_type": "card.action.trigger",
            "tenant_key": "2df73991750",
            "app_id": "cli_a5fb0ae6a4",
        },
        "event": {
            "operator": {
                "tenant_key": "2df73991750",
                "user_id": "867",
                "open_id": "ou_3c14f3a59eaf2825dbe25359f15",
                "union_id": "on_cad4860e7af114fb4ff6c5d496d",
            },
            "token": "c-295ee57216a5dc9de90fefd0aadb4b1d7d",
            "action": {"tag": "button", "value": {"a": "ack"}, **action},
            "host": "im_message",
            "context": {"open_message_id": "om_574d639e", "open_chat_id": "oc_e4d2605c"},
        },
    }


def headers_for(body: bytes, *, now: int = NOW, nonce: str = "nonce-1") -> dict[str, str]:
    timestamp = str(now // 1000)
    return {
        "X-Lark-Request-Timestamp": timestamp,
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": signature(timestamp, nonce, KEY, body),
    }


def sealed(document: object) -> bytes:
    plain = msgspec.json.encode(document)
    return msgspec.json.encode({"encrypt": encrypt(plain, KEY, bytes(range(16)))})


def refusal(result: Verified | Refused) -> RefusalReason:
    assert isinstance(result, Refused)
    return result.reason


def clicked(document: object) -> Click:
    body = sealed(document)
    result = verify(headers_for(body), body, BOTH, NOW)
    assert isinstance(result, Verified)
    assert isinstance(result.said, Click)
    return result.said


def test_the_documented_signature() -> None:
    expected = "c4c8132bc97b55b6b9302a7650fedf8cf010d8b41ac73f68bdc91083d7d7adf5"
    assert expected == signature("1700000000", "nonce-1", KEY, SEALED_CHALLENGE)


def test_the_documented_encryption() -> None:
    assert decrypt(KEY, "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=") == b"hello world"


def test_the_documented_old_signature() -> None:
    body = b'{"open_id":"ou_1","action":{"tag":"button","value":{"a":"ack"}}}'
    expected = "6ba549c48ac17111fdbe48f0c522e8dd0aad8998"
    assert expected == old_signature("1700000000", "nonce-1", TOKEN, body)


def test_a_signed_click_is_read_whole() -> None:
    body = sealed(click_body())
    headers = headers_for(body)
    result = verify(headers, body, BOTH, NOW)
    click = Click(
        event_id="f7984f25108f8137722bb63c",
        app_id="cli_a5fb0ae6a4",
        tenant="2df73991750",
        open_id="ou_3c14f3a59eaf2825dbe25359f15",
        union_id="on_cad4860e7af114fb4ff6c5d496d",
        user_id="867",
        token="c-295ee57216a5dc9de90fefd0aadb4b1d7d",  # noqa: S106 - the documented example
        message_id="om_574d639e",
        chat_id="oc_e4d2605c",
        created_at=1_603_977_298_000,
        tag="button",
        value={"a": "ack"},
    )
    replay = Replay("1700000000", "nonce-1", headers["X-Lark-Signature"])
    assert Verified(click, replay) == result


def test_without_an_encrypt_key_the_token_is_enough() -> None:
    result = verify({}, msgspec.json.encode(click_body()), PLAIN, NOW)
    assert isinstance(result, Verified)
    assert result.replay is None


@pytest.mark.parametrize("token", ["", "vtokeN", "vtoken "])
def test_without_an_encrypt_key_a_wrong_token_is_refused(token: str) -> None:
    body = msgspec.json.encode(click_body(token))
    assert refusal(verify({}, body, PLAIN, NOW)) == RefusalReason.TOKEN


def test_a_signed_body_with_a_wrong_token_is_refused() -> None:
    body = sealed(click_body("another"))
    assert refusal(verify(headers_for(body), body, BOTH, NOW)) == RefusalReason.TOKEN


def test_a_signature_is_enough_where_no_token_is_configured() -> None:
    body = sealed(click_body("whatever"))
    assert isinstance(verify(headers_for(body), body, Keys(encrypt_key=KEY), NOW), Verified)


def test_without_any_secret_everything_is_refused() -> None:
    for token in ("", TOKEN):
        body = msgspec.json.encode(click_body(token))
        assert refusal(verify({}, body, Keys(), NOW)) == RefusalReason.TOKEN


def test_an_unsigned_click_is_refused_where_there_is_an_encrypt_key() -> None:
    for body in (sealed(click_body()), msgspec.json.encode(click_body())):
        assert refusal(verify({}, body, BOTH, NOW)) == RefusalReason.UNSIGNED


def test_a_missing_timestamp_or_nonce_is_a_bad_signature() -> None:
    body = sealed(click_body())
    for missing in ("X-Lark-Request-Timestamp", "X-Lark-Request-Nonce"):
        headers = headers_for(body)
        del headers[missing]
        assert refusal(verify(headers, body, BOTH, NOW)) == RefusalReason.SIGNATURE


@pytest.mark.parametrize(("late", "fine"), [(-3_600, True), (3_600, True), (-3_601, False)])
def test_a_request_is_fresh_for_an_hour_each_way(late: int, fine: bool) -> None:
    body = sealed(click_body())
    result = verify(headers_for(body), body, BOTH, NOW + late * 1_000)
    assert fine is isinstance(result, Verified)
    if not fine:
        assert refusal(result) == RefusalReason.STALE


@pytest.mark.parametrize("timestamp", ["", "-1700000000", "1.7e9", "١٧٠٠٠٠٠٠٠٠", "9" * 5_000])
def test_a_timestamp_that_is_none_is_stale(timestamp: str) -> None:
    body = sealed(click_body())
    headers = {
        "X-Lark-Request-Timestamp": timestamp,
        "X-Lark-Request-Nonce": "n",
        "X-Lark-Signature": signature(timestamp, "n", KEY, body),
    }
    assert refusal(verify(headers, body, BOTH, NOW)) == RefusalReason.STALE


def test_the_border_between_timestamp_and_nonce_cannot_be_moved() -> None:
    """Both are signed as one text, so a moved border keeps the signature and not the time."""
    body = sealed(click_body())
    first = headers_for(body, nonce="5abc")
    for cut in (9, 11):
        text = first["X-Lark-Request-Timestamp"] + "5abc"
        moved = {
            **first,
            "X-Lark-Request-Timestamp": text[:cut],
            "X-Lark-Request-Nonce": text[cut:],
        }
        assert refusal(verify(moved, body, BOTH, NOW)) == RefusalReason.STALE


def test_header_names_come_in_any_case() -> None:
    body = sealed(click_body())
    headers = {name.lower(): value for name, value in headers_for(body).items()}
    assert isinstance(verify(headers, body, BOTH, NOW), Verified)


@pytest.mark.parametrize("signed", [True, False])
def test_the_challenge_is_answered_signed_or_not(signed: bool) -> None:
    headers = headers_for(SEALED_CHALLENGE) if signed else {}
    keys = Keys(encrypt_key=KEY, verification_token="xxxxxx")  # noqa: S106 - the documented example
    result = verify(headers, SEALED_CHALLENGE, keys, NOW)
    assert isinstance(result, Verified)
    assert Challenge("ajls384kdjxxxx") == result.said
    assert answer_challenge(result.said) == b'{"challenge":"ajls384kdjxxxx"}'


def test_a_challenge_with_a_wrong_token_is_refused() -> None:
    assert refusal(verify({}, SEALED_CHALLENGE, BOTH, NOW)) == RefusalReason.UNSIGNED
    plain = b'{"challenge":"c","token":"other","type":"url_verification"}'
    assert refusal(verify({}, plain, PLAIN, NOW)) == RefusalReason.TOKEN


def test_a_challenge_with_a_wrong_signature_is_refused() -> None:
    headers = {**headers_for(SEALED_CHALLENGE), "X-Lark-Signature": "0" * 64}
    keys = Keys(encrypt_key=KEY, verification_token="xxxxxx")  # noqa: S106 - the documented example
    assert refusal(verify(headers, SEALED_CHALLENGE, keys, NOW)) == RefusalReason.SIGNATURE


def test_unsigned_ciphertexts_are_all_refused_alike() -> None:
    """A wrong padding, wrong JSON and a wrong token must look the same from outside."""
    cipher = encrypt(b"no json", KEY, bytes(16))
    bodies = [{"encrypt": text} for text in ("", "AAAA", "A" * 64, cipher, "not base64!")]
    reasons = {refusal(verify({}, msgspec.json.encode(body), BOTH, NOW)) for body in bodies}
    assert {RefusalReason.UNSIGNED} == reasons


@pytest.mark.parametrize("text", ["", "AAAA", "A" * 64, "%%%", "é"])
def test_a_signed_body_that_cannot_be_decrypted_is_refused(text: str) -> None:
    body = msgspec.json.encode({"encrypt": text})
    assert refusal(verify(headers_for(body), body, BOTH, NOW)) == RefusalReason.UNDECRYPTABLE


def test_an_encrypted_body_without_our_key_is_refused() -> None:
    assert refusal(verify({}, SEALED_CHALLENGE, PLAIN, NOW)) == RefusalReason.UNDECRYPTABLE


def test_a_body_that_is_too_large_is_refused_unread() -> None:
    body = b" " * (BODY_LIMIT + 1)
    assert refusal(verify(headers_for(body), body, BOTH, NOW)) == RefusalReason.TOO_LARGE


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"event":' * 100_000, b"", b"null", b"\xff"])
def test_a_malformed_body_is_refused_whatever_its_depth(body: bytes) -> None:
    assert refusal(verify(headers_for(body), body, BOTH, NOW)) == RefusalReason.MALFORMED
    assert refusal(verify({}, body, PLAIN, NOW)) == RefusalReason.MALFORMED


def test_a_click_without_a_person_is_malformed() -> None:
    document = click_body()
    del document["event"]["operator"]
    body = sealed(document)
    assert refusal(verify(headers_for(body), body, BOTH, NOW)) == RefusalReason.MALFORMED


@pytest.mark.parametrize("keys", [PLAIN, BOTH])
def test_an_authentic_old_callback_is_told_from_a_forgery(keys: Keys) -> None:
    body = b'{"open_id":"ou_1","open_message_id":"om_1","token":"c-1","action":{"tag":"button"}}'
    headers = {
        "X-Lark-Request-Timestamp": "1700000000",
        "X-Lark-Request-Nonce": "n",
        "X-Lark-Signature": old_signature("1700000000", "n", TOKEN, body),
    }
    assert refusal(verify(headers, body, keys, NOW)) == RefusalReason.OLD_CALLBACK
    forged = refusal(verify({**headers, "X-Lark-Request-Nonce": "m"}, body, keys, NOW))
    assert forged.forged


def test_other_events_are_named() -> None:
    header = {"event_id": "e1", "event_type": "im.chat.updated_v1", "token": TOKEN}
    body = sealed({"schema": "2.0", "header": header, "event": {"a": [1]}})
    result = verify(headers_for(body), body, BOTH, NOW)
    assert isinstance(result, Verified)
    assert Event("im.chat.updated_v1", "e1") == result.said


def test_old_events_are_named() -> None:
    document = {"uuid": "u1", "token": TOKEN, "ts": "1", "type": "event_callback"}
    for event, kind in (({"type": "p2p_chat_create"}, "p2p_chat_create"), (None, "")):
        body = sealed({**document, "event": event})
        result = verify(headers_for(body), body, BOTH, NOW)
        assert isinstance(result, Verified)
        assert Event(kind, "u1") == result.said


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ("plain", {}),
        ("[" * 100_000, {}),
        (None, {}),
        (7, {}),
        (["a"], {}),
    ],
)
def test_a_value_of_any_kind_is_an_object_or_nothing(value: object, expected: object) -> None:
    assert expected == clicked(click_body(value=value)).value


def test_a_component_without_a_value_has_none() -> None:
    document = click_body()
    del document["event"]["action"]["value"]
    assert clicked(document).value == {}


def test_a_form_is_read_tolerantly() -> None:
    form = {"many": ["a", 1, "b"], "one": "x", "box": True, "odd": {"a": 1}, "none": None}
    click = clicked(click_body(form_value=form, name="submit", timezone="Asia/Shanghai"))
    assert click.form_value == {"many": ["a", "b"], "one": "x", "box": True}
    assert (click.name, click.timezone) == ("submit", "Asia/Shanghai")


def test_components_outside_of_forms_are_read() -> None:
    click = clicked(
        click_body(option="4h", options=["1", "2"], input_value="why", checked=True, tag="input")
    )
    assert (click.option, click.options, click.input_value) == ("4h", ("1", "2"), "why")
    assert click.checked is True


def test_a_click_may_lack_everything_that_is_optional() -> None:
    header = {"event_id": "e", "event_type": "card.action.trigger", "token": TOKEN}
    event = {"operator": {"open_id": "ou_1"}, "action": {}, "unknown": {}}
    click = clicked({"header": header, "event": event})
    assert Click(event_id="e", app_id="", tenant="", open_id="ou_1") == click


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("1603977298000000", 1_603_977_298_000),
        ("1608725989000", 1_608_725_989_000),
        (1608725989000, 1_608_725_989_000),
        ("1608725989", 1_608_725_989_000),
        ("soon", 0),
        ("-5", 0),
        ("9" * 40, 0),
        (None, 0),
    ],
)
def test_times_are_milliseconds_whatever_their_unit(time: object, expected: int) -> None:
    document = click_body()
    document["header"]["create_time"] = time
    assert expected == clicked(document).created_at


def test_nothing_prints_a_secret() -> None:
    click = clicked(click_body())
    printed = repr((BOTH, click, Verified(click)))
    for secret in (KEY, TOKEN, click.token):
        assert secret not in printed


# Fields that nobody knows; the known ones have types that the platform keeps to.
KNOWN = ("encrypt", "type", "challenge", "token", "schema", "header", "uuid", "event", "action")
unknown_names = st.text(max_size=8).filter(lambda name: name not in KNOWN)
signed_documents = st.dictionaries(
    unknown_names, st.integers() | st.text(max_size=8) | st.none(), max_size=4
)


@given(signed_documents, st.text(max_size=8), st.integers(-3_600_000, 3_600_000))
def test_what_the_platform_signed_passes(extra: dict[str, Any], nonce: str, skew: int) -> None:
    document = {**extra, **click_body()}
    body = sealed(document)
    headers = headers_for(body, nonce=nonce.encode("utf-8", "replace").decode())
    assert isinstance(verify(headers, body, BOTH, NOW + skew), Verified)


@given(st.data())
def test_any_change_of_one_byte_is_refused(data: st.DataObject) -> None:
    body = sealed(click_body())
    headers = headers_for(body)
    part = data.draw(st.sampled_from(["body", *headers]))
    old = body if part == "body" else headers[part].encode()
    at = data.draw(st.integers(0, len(old) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda found: found != old[at]))
    new = old[:at] + bytes([byte]) + old[at + 1 :]
    if part == "body":
        body = new
    else:
        headers[part] = new.decode("latin-1")
    assert refusal(verify(headers, body, BOTH, NOW)) == RefusalReason.SIGNATURE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
names = st.sampled_from(
    ["encrypt", "type", "challenge", "token", "header", "event", "uuid", "action", "operator"]
)
shaped = st.dictionaries(names, json_values | st.dictionaries(names, json_values), max_size=6)


@given(
    st.binary(max_size=300) | shaped.map(lambda document: json.dumps(document).encode()),
    st.dictionaries(
        st.sampled_from(["X-Lark-Signature", "X-Lark-Request-Nonce", "X-Lark-Request-Timestamp"]),
        st.text(st.characters(), max_size=70),
    ),
    st.sampled_from([BOTH, PLAIN, Keys(encrypt_key=KEY), Keys()]),
    st.booleans(),
)
def test_nothing_makes_it_raise(
    body: bytes, headers: dict[str, str], keys: Keys, signed: bool
) -> None:
    shown = headers_for(body) if signed else headers
    result = verify(shown, body, keys, NOW)
    if not signed and keys is not PLAIN:
        assert isinstance(result, Refused)


@given(shaped)
def test_nothing_decrypted_makes_it_raise(document: dict[str, Any]) -> None:
    body = sealed(document)
    assert isinstance(verify(headers_for(body), body, BOTH, NOW), Verified | Refused)


def test_a_toast_speaks_both_languages() -> None:
    body = answer(toast(ToastKind.SUCCESS, "已认领", "Acknowledged"))
    words = {"zh_cn": "已认领", "en_us": "Acknowledged"}
    shown = {"type": "success", "content": "已认领", "i18n": words}
    assert {"toast": shown} == json.loads(body)


def test_an_answer_carries_the_card_itself() -> None:
    drawn = '{"msg_type":"interactive","content":{"schema":"2.0"}}'
    card = {"type": "raw", "data": {"schema": "2.0"}}
    assert {"card": card} == json.loads(answer(None, drawn))


@pytest.mark.parametrize("drawn", [None, '{"msg_type":"text","content":{"text":"a"}}', "junk"])
def test_an_answer_without_a_card_leaves_the_message_alone(drawn: str | None) -> None:
    assert json.loads(answer(None, drawn)) == {}


def test_an_authentic_body_of_no_known_shape_is_malformed() -> None:
    body = sealed({"token": TOKEN, "action": {"tag": "button"}})
    assert refusal(verify(headers_for(body), body, BOTH, NOW)) == RefusalReason.MALFORMED
