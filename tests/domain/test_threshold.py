"""An expression's limit is found exactly where there is one, as Prometheus' own parser sees it."""

from typing import Any

import promql_parser as promql
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from receiver.domain.threshold import Question, Threshold, question

CPU = 'avg by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) * 100'


@pytest.mark.parametrize(
    ("expression", "query", "operator", "value"),
    [
        ("up == 0", "up", "==", 0),
        (f"{CPU} > 80", CPU, ">", 80),
        (f"({CPU} > 80)", CPU, ">", 80),
        ("((x)) >= 1e9", "((x))", ">=", 1e9),
        ("x < 10 * 1024 ^ 3", "x", "<", 10 * 1024**3),
        ("80 < x", "x", ">", 80),
        ("-x > -5", "-x", ">", -5),
        ("x > -2 ^ 2", "x", ">", -4),
        ("x > (1 + 2) * 0x10", "x", ">", 48),
        ("x > 7 % 4 - 1", "x", ">", 2),
        ('rate(x{a=">1",b!=">="}[5m:1m] offset 1h) != 3', None, "!=", 3),
        ("x # the > 5 limit\n > 3", "x", ">", 3),
        ("x > 3 # 4", "x", ">", 3),
        ("sum(x > 2) > 5", "sum(x > 2)", ">", 5),
        ("x@end() >.5", "x@end()", ">", 0.5),
    ],
)
def test_a_comparison_with_a_number_is_taken_apart(
    expression: str, query: str | None, operator: str, value: float
) -> None:
    asked = question(expression)
    assert asked.threshold == Threshold(operator, value)
    assert asked.query == (query or expression.rpartition(" !=")[0])


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "up",
        "absent(up)",
        "a > b",
        "x > 5 and y < 3",
        "x > 5 or vector(1)",
        "x > 5 unless on (a) y",
        "x > 5 OR y",
        "x > bool 5",
        "x > 5 > 3",
        "x > inf",
        "x > nan",
        "x > 1 / 0",
        "x > 5m",
        "x > (-8) ^ 0.5",
        "x > 9 ^ 9 ^ 9",
        "x > 1 2",
        "x > ()",
        "x > 5)",
        "(x > 5",
        'x{a="b} > 5',
        "x > 5 ; drop",
        "> 5",
        "x >",
        "3 > 5",
        "sum(x > 5)",
        "(a > 5) + (b > 6)",
        "x > " + "(" * 1000 + "5" + ")" * 1000,
        "x" * 5000 + " > 5",
    ],
)
def test_everything_else_is_asked_as_it_is(expression: str) -> None:
    assert question(expression) == Question(expression)


FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
NUMBERS = st.sampled_from(["5", "0.5", "1e3", "-2", "2 ^ 3", "(4)", "1 + 2 * 3", "-2 ^ 2", "0x1f"])
VECTORS = st.recursive(
    st.sampled_from(
        ["up", 'x{a="> 1"}', "rate(x[5m])", "sum by (a) (y)", "x offset 5m", 'x{a!~"b|c"}']
    ),
    lambda inner: st.one_of(
        inner.map("({})".format),
        inner.map("-{}".format),
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(" ".join),
        st.tuples(inner, st.just(">"), NUMBERS).map(lambda parts: f"max({' '.join(parts)})"),
    ),
    max_leaves=6,
)
COMPARED = st.tuples(
    st.one_of(VECTORS, NUMBERS),
    st.sampled_from([" > ", "<", " >=", "<= ", " == ", "!=", " and ", " or ", " > bool ", " + "]),
    st.one_of(VECTORS, NUMBERS),
).map("".join)
EXPRESSIONS = st.one_of(COMPARED, COMPARED.map("({})".format), VECTORS)


def parsed(text: str) -> Any:
    try:
        return promql.parse(text)
    except ValueError:
        return None


@given(expression=EXPRESSIONS)
def test_it_agrees_with_a_real_parser(expression: str) -> None:
    whole = parsed(expression)
    assume(whole is not None)
    while isinstance(whole, promql.ParenExpr):
        whole = whole.expr
    asked = question(expression)
    if asked.threshold is None:
        assert asked.query == expression
        return
    assert isinstance(whole, promql.BinaryExpr)
    assert whole.modifier is None or not whole.modifier.return_bool
    sides = [side.prettify() for side in (whole.lhs, whole.rhs)]
    place = sides.index(parsed(asked.query).prettify())
    assert asked.threshold.operator == (str(whole.op), FLIPPED[str(whole.op)])[place]
    limit = question(f"x > {sides[1 - place]}").threshold
    assert limit is not None
    assert limit.value == asked.threshold.value


@given(vector=VECTORS, operator=st.sampled_from([">", "<", ">=", "<=", "==", "!="]))
def test_no_plain_comparison_is_missed(vector: str, operator: str) -> None:
    expression = f"{vector} {operator} 5"
    assume(parsed(expression) is not None)
    assert question(expression) == Question(vector, Threshold(operator, 5.0))


@given(expression=st.text(max_size=60))
def test_any_text_is_survived(expression: str) -> None:
    assert question(expression).query in expression


@given(expression=st.text("xX<>=!~()[]{}\"'`#\n 0159.e+-*/^%andorbol:@,", max_size=40))
def test_any_mixture_of_signs_is_survived(expression: str) -> None:
    asked = question(expression)
    assert asked.query in expression or not asked.query
