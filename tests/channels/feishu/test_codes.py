"""Every documented code has a meaning, and every answer has an outcome."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.attempt import read
from receiver.channels.feishu.codes import (
    CARD,
    CARD_CODES,
    CODES,
    DETAIL_LIMIT,
    GATEWAY,
    HOOK_CARD,
    classify,
)
from receiver.domain.card import Call
from receiver.domain.outcome import (
    Delivered,
    Outcome,
    Rejected,
    RejectReason,
    Retry,
    RetryReason,
)

RETRY = {
    RetryReason.RATE_LIMITED: (11232, 11233, 11247, 99991400, 230020),
    RetryReason.SERVER_ERROR: (1500, 2200, 10101, 10105, 10500, 300000),
    RetryReason.TOKEN: (99991661, 99991663, 99991664, 99991665, 99991668, 99991677),
    RetryReason.IN_FLIGHT: (230049,),
}
REJECT = {
    RejectReason.CONTENT: (10002, 11246, 230054, 230099),
    RejectReason.TOO_LARGE: (19036, 230025),
    RejectReason.MENTION: (99992351, 99992360, 99992361, 99992363),
    RejectReason.SENSITIVE: (230022, 230028),
    RejectReason.GONE: (
        *(230011, 230012, 230019, 230050, 230072, 230110, 230111),
        99992354,
    ),
    RejectReason.TOO_OLD: (230031,),
    RejectReason.TARGET: (
        *(11218, 19001, 19022, 19024, 99991201, 99991672, 99991679, 99992356),
        *(230002, 230006, 230013, 230018, 230027, 230029, 230034, 230035, 230036, 230038),
        *(230023, 230052, 230098, 230053, 230075, 232006, 232009, 232010, 232011, 232025, 232033),
    ),
    RejectReason.CREDENTIALS: (
        *(10003, 10014, 10015, 19021, 20002, 99991401, 99991662, 99991671, 99991673),
        *(232004, 232034),
    ),
    RejectReason.QUOTA: (99991403, 230024),
    RejectReason.REQUEST: (
        *(9499, 19002, 19003, 19004, 99992402, 230001, 230009, 230015, 230017, 230026),
        *(230033, 230055, 230071, 232001),
    ),
}
SUB_CODES = (
    *(11310, 100290, 200380, 200381, 200410, 200550, 200570, 200621, 200732, 200737),
    *(200861, 200914, 200915, 300220, 300230, 300240),
)
DOCUMENTED = [
    (code, reason) for table in (RETRY, REJECT) for reason, codes in table.items() for code in codes
]
LOCK = "Failed to create card content, ext=ErrCode: 11310; ErrMsg: card action is lock; "


def classified(code: int | None, msg: str = "", status: int = 400, **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return classify(code, msg, status, named, Call.PATCH)


def reason(outcome: Outcome) -> RetryReason | RejectReason:
    assert not isinstance(outcome, Delivered)
    return outcome.reason


@pytest.mark.parametrize(("code", "expected"), DOCUMENTED)
def test_each_documented_code_has_its_meaning(
    code: int, expected: RetryReason | RejectReason
) -> None:
    for status in (200, 400, 401, 429, 500):
        assert expected is reason(classified(code, "what the platform said", status))


def test_no_code_is_known_that_is_not_tested() -> None:
    assert {*CODES, GATEWAY, HOOK_CARD, CARD} == {code for code, _ in DOCUMENTED}
    assert set(SUB_CODES) <= set(CARD_CODES)


@pytest.mark.parametrize(("code", "_expected"), DOCUMENTED)
def test_each_failure_names_the_code_and_says_what_to_do(
    code: int, _expected: RetryReason | RejectReason
) -> None:
    outcome = classified(code)
    assert not isinstance(outcome, Delivered)
    name, _, cure = outcome.detail.partition(": ")
    assert (f"code {code}", True) == (name, bool(cure))


def test_code_0_with_2xx_is_delivered() -> None:
    assert Delivered() == classified(0, "success", 200)


@pytest.mark.parametrize("status", [199, 302, 400, 500])
def test_code_0_without_2xx_is_no_success(status: int) -> None:
    assert RetryReason.SERVER_ERROR is reason(classified(0, "ok", status))


@pytest.mark.parametrize(
    ("msg", "expected"),
    [
        ("too many request", RetryReason.RATE_LIMITED),
        ("Too Many Requests", RetryReason.RATE_LIMITED),
        ("fail to parse content", RejectReason.CONTENT),
        ("Bad Request", RejectReason.REQUEST),
        ("", RejectReason.REQUEST),
    ],
)
def test_9499_is_judged_by_its_message(msg: str, expected: RetryReason | RejectReason) -> None:
    assert expected is reason(classified(9499, msg))


@pytest.mark.parametrize(
    ("code", "msg", "expected"),
    [
        (11246, "ErrCode: 300000; ErrMsg: Service Internal Error; ", RetryReason.SERVER_ERROR),
        (11246, "ErrMsg: Service Internal Error", RetryReason.SERVER_ERROR),
        (11246, "ErrCode: 200410; ErrMsg: action components are not allowed", RejectReason.CONTENT),
        (11246, "ErrCode: 11310; ErrMsg: unsupported type of block", RejectReason.CONTENT),
        (11246, "ErrCode: 100290; ErrMsg: invalid user resource", RejectReason.MENTION),
        (230099, LOCK, RetryReason.CARD_LOCKED),
        (230099, "ext=ErrCode: 100290; ErrMsg: invalid user resource", RejectReason.MENTION),
        (230099, "ErrCode: 1234; ErrMsg: this group forbids at all", RejectReason.MENTION),
        (230099, "ErrCode: 11310; ErrMsg: element exceeds the limit", RejectReason.TOO_LARGE),
        (230099, "ErrCode: 11310; ErrMsg: card table number over limit", RejectReason.TOO_LARGE),
        (230099, "ErrCode: 11310; ErrMsg: template is not visible to app", RejectReason.CONTENT),
        (230099, "ErrCode: 300305; ErrMsg: too many components", RejectReason.TOO_LARGE),
        (230099, "ErrCode: 200860; ErrMsg: card too large", RejectReason.TOO_LARGE),
        (230099, "ErrCode: 99999999999999999999; ErrMsg: overflow", RejectReason.CONTENT),
        (230099, "", RejectReason.CONTENT),
    ],
)
def test_a_refused_card_is_judged_by_what_is_wrong_with_it(
    code: int, msg: str, expected: RetryReason | RejectReason
) -> None:
    assert expected is reason(classified(code, msg))


@pytest.mark.parametrize("sub_code", sorted(set(SUB_CODES) - {100290}))
def test_each_documented_sub_code_asks_for_a_plainer_message(sub_code: int) -> None:
    msg = f"Failed to create card content, ext=ErrCode: {sub_code}; ErrMsg: no; "
    assert RejectReason.CONTENT is reason(classified(230099, msg))


def test_a_locked_card_is_free_a_second_later() -> None:
    outcome = classified(230099, LOCK)
    assert isinstance(outcome, Retry)
    assert outcome.after == 1_000


@pytest.mark.parametrize(
    ("value", "after"),
    [("52", 52_000), (" 1 ", 1_000), ("0", 1_000), ("", 1_000), ("soon", 1_000), ("-1", 1_000)],
)
def test_a_rate_limit_says_how_long_to_wait(value: str, after: int) -> None:
    outcome = classified(99991400, "", 429, X_OGW_RateLimit_Reset=value)
    assert isinstance(outcome, Retry)
    assert after == outcome.after


@pytest.mark.parametrize(
    ("code", "msg"),
    [(230020, ""), (11232, ""), (11233, ""), (11247, ""), (9499, "too many request")],
)
def test_the_limit_of_a_chat_or_a_bot_is_no_pause_of_the_app(code: int, msg: str) -> None:
    outcome = classified(code, msg, 400)
    assert isinstance(outcome, Retry)
    assert (outcome.reason, outcome.after) == (RetryReason.RATE_LIMITED, 0)


@pytest.mark.parametrize("value", ["999999999", "3600"])
def test_no_header_silences_us_for_long(value: str) -> None:
    outcome = classified(99991400, "", 429, x_ogw_ratelimit_reset=value)
    assert isinstance(outcome, Retry)
    assert outcome.after == 300_000


@pytest.mark.parametrize("call", [Call.CREATE, Call.POST])
@pytest.mark.parametrize("code", [*REJECT[RejectReason.GONE], *REJECT[RejectReason.TOO_OLD]])
def test_a_new_message_cannot_be_gone(call: Call, code: int) -> None:
    """Replacing it would go on for ever; the ladder ends."""
    assert RejectReason.REQUEST is reason(classify(code, "", 400, {}, call))


@pytest.mark.parametrize("call", [Call.PATCH, Call.REPLY])
def test_an_old_message_can_be_gone(call: Call) -> None:
    assert RejectReason.GONE is reason(classify(230011, "", 400, {}, call))


@pytest.mark.parametrize("status", [200, 400, 403])
def test_an_unknown_code_is_tried_again(status: int) -> None:
    outcome = classified(123456, "new here", status)
    assert RetryReason.UNKNOWN_CODE is reason(outcome)
    assert "code 123456 new here" in str(outcome)


def test_an_unknown_code_of_a_broken_server_is_its_trouble() -> None:
    assert RetryReason.SERVER_ERROR is reason(classified(123456, "", 503))
    assert RetryReason.RATE_LIMITED is reason(classified(123456, "", 429))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, RetryReason.SERVER_ERROR) for status in (200, 204, 301, 403, 500, 502, 503)),
        (404, RejectReason.TARGET),
        (413, RejectReason.TOO_LARGE),
        (429, RetryReason.RATE_LIMITED),
    ],
)
def test_without_a_code_the_status_decides(
    status: int, expected: RetryReason | RejectReason
) -> None:
    assert expected is reason(classified(None, "", status))


def test_a_server_error_is_ambiguous() -> None:
    assert RetryReason.SERVER_ERROR.ambiguous


def test_a_detail_is_one_short_line_without_secrets() -> None:
    msg = "a\nb\u2028c\x00 https://x/open-apis/bot/v2/hook/sEcReT " + "x" * 10_000
    outcome = classified(230001, msg)
    assert isinstance(outcome, Rejected)
    assert outcome.detail.isprintable()
    assert "sEcReT" not in outcome.detail
    assert len(outcome.detail) < 2 * DETAIL_LIMIT


@given(
    st.none() | st.sampled_from([code for code, _ in DOCUMENTED]) | st.integers(),
    st.text(st.characters()),
    st.integers(),
    st.dictionaries(st.text() | st.just("X-Ogw-Ratelimit-Reset"), st.text(), max_size=3),
    st.none() | st.sampled_from(Call),
)
def test_every_answer_has_an_outcome(
    code: int | None, msg: str, status: int, headers: dict[str, str], call: Call | None
) -> None:
    outcome = classify(code, msg, status, headers, call)
    assert isinstance(outcome, Delivered) is (code == 0 and 200 <= status < 300)
    if not isinstance(outcome, Delivered):
        outcome.detail.encode()
    if isinstance(outcome, Retry):
        assert 0 <= outcome.after <= 300_000


@given(st.binary() | st.just(b"[" * 200_000))
def test_any_body_is_read(body: bytes) -> None:
    said = read(body)
    assert said.code is None or isinstance(said.code, int)


@pytest.mark.parametrize(
    ("body", "code", "msg"),
    [
        (b'{"StatusCode":0,"StatusMessage":"success","Extra":null}', 0, "success"),
        (b'{"code":0,"StatusCode":19001,"msg":"ok"}', 0, "ok"),
        (b'{"code":11246,"data":{"err_code":200621}}', 11246, " ErrCode: 200621;"),
        (b'{"code":19001,"data":{},"msg":null}', 19001, ""),
        (b'{"code":1,"data":[],"msg":"m"}', 1, "m"),
        (b'{"msg":"m"}', None, "m"),
        (b'{"code":"0"}', None, ""),
        (b'{"code":99999999999999999999}', None, ""),
        (b'{"code":1,"msg":"m","data":{"err_code":99999999999999999999}}', 1, "m"),
        (b"<html>", None, ""),
        (b"", None, ""),
    ],
)
def test_a_body_says_its_code(body: bytes, code: int | None, msg: str) -> None:
    said = read(body)
    assert (code, msg) == (said.code, said.msg)
