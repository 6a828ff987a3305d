"""The page for administrators and the one for people on call name what the program has."""

import re
from pathlib import Path

import pytest

from docs.images.cards import shots
from receiver.config import FeishuAppConfig, parse
from receiver.config.values import FEISHU_URL
from receiver.doctor.apps import PROBES
from receiver.phrases import EN_US, Phrase
from receiver.sandbox.platform import ENDPOINTS
from tests.docs.pages import blocks, links, page, section, spans, table
from tests.packaging.tree import ROOT

SETUP, ON_CALL = page("docs/feishu-setup.md"), page("docs/on-call.md")
IMAGES = ROOT / "docs" / "images"
PICTURE_MOST = 60_000
SCOPES = frozenset().union(*(endpoint.scopes for endpoint in ENDPOINTS.values()))
# Of calls and events that the sandbox's endpoints do not stand for.
OTHER_SCOPES = frozenset(
    {
        *("im:message.urgent", "im:message.urgent:sms", "im:message.urgent:phone"),
        *("im:message.group_at_msg:readonly", "im:message.p2p_msg:readonly"),
        "im:message.group_msg",
    }
)


def permissions() -> list[set[str]]:
    return [set(spans(row[0])) for row in table(SETUP, "permission")]


def test_every_permission_is_one_that_the_platform_knows() -> None:
    named = set().union(*permissions())
    assert named <= SCOPES | OTHER_SCOPES


def test_the_permissions_that_are_always_needed_let_the_doctor_pass() -> None:
    rows = table(SETUP, "permission")
    always = [set(spans(row[0])) for row in rows if row[2] == "always"]
    by_mail = [set(spans(row[0])) for row in rows if "e-mail" in row[1]]
    for probe in PROBES:
        (wanted,) = (
            endpoint.scopes
            for (method, path), endpoint in ENDPOINTS.items()
            if method == probe.endpoint[0]
            and path.replace("{", ":").replace("}", "") == probe.endpoint[1]
        )
        granted = [*always, *(by_mail if "e-mail" in probe.what else [])]
        assert any(names <= wanted for names in granted), probe.what


def test_the_example_can_be_used(tmp_path: Path) -> None:
    (example,) = (block.text for block in blocks(SETUP) if block.language == "yaml")
    for name in ("app-secret", "encrypt-key"):
        (tmp_path / name).write_text("s3cret")
    (app,) = parse(example, {}, tmp_path).feishu
    assert isinstance(app, FeishuAppConfig)
    assert app.base_url == FEISHU_URL
    assert f"`https://alerts.example.com/callbacks/feishu/{app.name}`" in SETUP


def test_the_events_are_the_programs() -> None:
    assert {"server.external_url", "verification_token"} <= set(spans(SETUP))
    assert "**card.action.trigger**" in SETUP
    assert "$ receiver doctor --config" in SETUP


@pytest.mark.parametrize(
    "phrase",
    [
        Phrase.ACKNOWLEDGE,
        Phrase.UNACKNOWLEDGE,
        Phrase.SILENCE,
        Phrase.UNSILENCE,
        Phrase.MORE,
        Phrase.HANDLE,
        Phrase.ACKNOWLEDGE_TOO,
        Phrase.STILL_ON_IT,
        Phrase.HAND_OVER,
        Phrase.ADD_NOTE,
        Phrase.EXTEND,
        Phrase.ESCALATE,
    ],
)
def test_the_controls_are_called_as_on_the_card(phrase: Phrase) -> None:
    named = re.findall(r"\*\*([^*]+?)(?: ▾)?\*\*|\*([^*]+)\*", section(ON_CALL, "Act"))
    assert EN_US[phrase] in {first or second for first, second in named}


def test_the_pictures_are_those_that_are_taken_and_light() -> None:
    shown = {Path(link).name for link in links(ON_CALL) if link.startswith("images/")}
    drawn = {f"card-{name}.png" for name in shots()}
    assert drawn <= shown
    heavy = [name for name in shown if (IMAGES / name).stat().st_size > PICTURE_MOST]
    assert heavy == []
