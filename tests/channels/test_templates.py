"""Users' templates say what they like, and can neither hang, grow nor reach anything."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from receiver.channels.templates import OUTPUT_LIMIT, BadTemplate, Said, Templates

DATA: Mapping[str, Any] = {
    "incident": {"title": "DiskFull", "firing": 2},
    "alerts": [{"labels": {"instance": "a"}}, {"labels": {"instance": "b"}}],
    "labels": {"team": "storage", "items": "many"},
    "annotations": {},
}


def made(source: str) -> Said:
    return Templates(text=source).render(lambda: DATA)["text"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ incident.title | upper }}", "DISKFULL"),
        ("{% for a in alerts %}{{ loop.index }}{{ a.labels.instance }}{% endfor %}", "1a2b"),
        ("{% if incident.firing > 1 %}many{% else %}one{% endif %}", "many"),
        ("{{ labels['items'] }} {{ labels.get('nope', '-') }}", "many -"),
        ("{{ alerts | map(attribute='labels.instance') | join(', ') }}", "a, b"),
        ("{{ annotations.runbook_url | default('none') }}", "none"),
        ("  {{ '<at id=all>' }}\n", "<at id=all>"),
    ],
)
def test_templates_say_what_they_are_given(source: str, expected: str) -> None:
    assert made(source) == Said(expected)


@pytest.mark.parametrize(
    "source",
    [
        "{{ nope }}",
        "{{ labels.nope }}",
        "{{ 1 / 0 }}",
        "{{ 'x' * 100000000 }}",
        "{{ [1] * 100000000 }}",
        "{{ 9 ** 999999 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ 'x'.zfill(999999999) }}",
        "{{ 'x'.center(999999999) }}",
        "{{ range(1001) | list }}",
        "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
        "{{ ().__class__.__mro__ }}",
        "{{ labels.update(a=1) }}",
        "{{ alerts.append(1) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler }}",
        "{{ lipsum() }}",
    ],
)
def test_a_template_that_fails_says_so_and_nothing_else(source: str) -> None:
    said = made(source)
    assert said.text == ""
    assert said.problem


def test_the_data_stays_as_it_was() -> None:
    before = repr(DATA)
    made("{{ labels.update(a=1) }}")
    assert repr(DATA) == before


def test_the_output_is_bounded() -> None:
    said = made("{% for a in range(1000) %}xxxxxxxxxxxxxxxx{% endfor %}")
    assert said == Said("x" * OUTPUT_LIMIT)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% for %}", "text, line 1: "),
        ("\n{{ a | nope }}", "text, line 2: "),
        ("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}", "text, line 1: macro is not offered"),
        ("{% include '/etc/passwd' %}", "text, line 1: include is not offered"),
        ("{% for a in alerts recursive %}{% endfor %}", "text, line 1: recursive is not offered"),
        ("x" * 8_001, "text has 8001 characters; 8000 are allowed"),
    ],
)
def test_a_template_that_cannot_be_compiled_is_refused_by_name(source: str, expected: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        Templates(text=source)
    assert str(refused.value).startswith(expected)


def test_without_templates_nothing_is_asked_for() -> None:
    def never() -> Mapping[str, Any]:
        raise AssertionError

    assert Templates().render(never) == {}
    assert not Templates()
    assert Templates(title="x")


def test_without_templates_jinja_is_not_loaded() -> None:
    code = "import sys, receiver.channels.base; print('jinja2' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
