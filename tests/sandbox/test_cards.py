"""Cards: what JSON 2.0 takes, and each way in which it refuses."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.sandbox import schema
from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.content import Audience
from receiver.sandbox.desk import Desk
from receiver.sandbox.knobs import Knobs
from receiver.sandbox.preset import small_team
from receiver.sandbox.state import Tenant
from receiver.sandbox.validate import validate
from receiver.sandbox.walk import BadCard, Drawn
from tests.sandbox.driver import button, card, lab

Element = dict[str, Any]


def _audience(knobs: Knobs | None = None) -> Audience:
    tenant = Tenant(VirtualClock())
    team = small_team(Desk(tenant))
    tenant.knobs = knobs or Knobs()
    return Audience(tenant, team.chats[0], team.app)


AUDIENCE = _audience()


def check(document: object, knobs: Knobs | None = None, **chat: bool) -> Drawn:
    """Validate a card as one that the preset's app sends to its first chat."""
    audience = _audience(knobs) if knobs or chat else AUDIENCE
    for name, value in chat.items():
        setattr(audience.chat, name, value)
    return validate(document, audience, (knobs or Knobs()).rules())


def refused(document: object, knobs: Knobs | None = None, **chat: bool) -> BadCard:
    """Return how a card is refused."""
    with pytest.raises(BadCard) as caught:
        check(document, knobs, **chat)
    return caught.value


def md(content: str, **more: Any) -> Element:
    return {"tag": "markdown", "content": content, **more}


def plain(content: str) -> Element:
    return {"tag": "plain_text", "content": content}


def panel(*elements: Element) -> Element:
    return {
        "tag": "collapsible_panel",
        "header": {"title": plain("more")},
        "elements": list(elements),
    }


def columns(*elements: Element) -> Element:
    return {"tag": "column_set", "columns": [{"tag": "column", "elements": list(elements)}]}


def select(**more: Any) -> Element:
    options = [{"text": plain("1h"), "value": "1h"}, {"text": plain("4h"), "value": "4h"}]
    return {"tag": "select_static", "options": options, **more}


def form(*elements: Element, **more: Any) -> Element:
    submit = button(name="go", form_action_type="submit")
    return {"tag": "form", "name": "silence", "elements": [*elements, submit], **more}


def table(rows: list[Element], **column: Any) -> Element:
    declared = {"name": "a", "data_type": "text", **column}
    return {"tag": "table", "columns": [declared], "rows": rows}


FULL: Element = {
    "schema": "2.0",
    "config": {
        "update_multi": True,
        "width_mode": "fill",
        "summary": {"content": "[P1] disk full", "i18n_content": {"en_us": "disk"}},
        "locales": ["zh_cn", "en_us"],
        "style": {
            "text_size": {"cus-0": {"default": "medium", "pc": "medium", "mobile": "large"}},
            "color": {"cus-1": {"light_mode": "rgba(5,157,178,0.52)"}},
        },
    },
    "card_link": {"url": "https://a.example", "pc_url": "", "ios_url": "", "android_url": ""},
    "header": {
        "title": plain("Disk full"),
        "subtitle": plain("prod"),
        "text_tag_list": [
            {"tag": "text_tag", "element_id": "t1", "text": plain("critical"), "color": "red"}
        ],
        "template": "red",
        "icon": {"tag": "standard_icon", "token": "warning_outlined", "color": "orange"},
        "padding": "12px 8px 12px 8px",
    },
    "body": {
        "direction": "vertical",
        "vertical_spacing": "8px",
        "elements": [
            md("**x** [link](https://a.example/?q=1) <at id=ou_li></at>", text_size="cus-0"),
            md("x", element_id="m1", margin="0px 0px 4px 0px", text_align="left"),
            {"tag": "div", "text": {**plain("x"), "text_color": "grey-600", "lines": 2}},
            {"tag": "hr"},
            {"tag": "img", "img_key": "img_v2_x", "alt": plain("graph")},
            columns(button(type="primary_filled", size="small"), select()),
            panel(md("- a\n- b"), columns(md("x"))),
            table([{"a": "x"}, {"a": 3}]),
            form(
                select(name="duration", required=True, placeholder=plain("for")),
                {"tag": "picker_datetime", "name": "until"},
                {"tag": "input", "name": "comment", "max_length": 200},
                panel({"tag": "checker", "name": "sure", "text": plain("sure")}),
                button(name="reset", form_action_type="reset"),
            ),
            {"tag": "person", "user_id": "ou_li"},
            {"tag": "chart", "chart_spec": {"type": "line", "tag": "not counted"}},
            {"tag": "interactive_container", "behaviors": [], "elements": [md("x")]},
        ],
    },
}


def test_a_card_with_everything_is_taken() -> None:
    drawn = check(FULL)
    assert drawn.schema == "2.0"
    assert drawn.update_multi
    assert drawn.tables == 1
    assert [mention.who for mention in drawn.mentions] == ["ou_li"]


def test_the_blank_card_is_legal() -> None:
    assert check({}).elements == 0


REFUSALS: list[tuple[str, int, object]] = [
    ("no object", 200621, []),
    ("an unknown schema", 200621, {"schema": "3.0"}),
    ("no schema and no elements", 200621, {"body": {}}),
    ("an unknown property of a component", 200621, card(md("x", colour="red"))),
    ("an unknown property of the card", 200621, card(elements=[])),
    ("an unknown property of the config", 200621, card() | {"config": {"wide_screen": True}}),
    ("update_multi false", 200621, card() | {"config": {"update_multi": False}}),
    ("a missing property", 200621, card({"tag": "markdown"})),
    ("a wrong type", 200621, card({"tag": "markdown", "content": 1})),
    ("a boolean for a number", 200621, card({"tag": "div", "text": {**plain("x"), "lines": True}})),
    ("a value outside the enum", 200621, card(button(type="huge"))),
    ("a header without a title", 200621, card(header={"template": "red"})),
    ("an unknown header colour", 200621, card(header={"title": plain("x"), "template": "pink"})),
    ("an unknown colour", 200621, card({"tag": "div", "text": {**plain("x"), "text_color": "p"}})),
    ("an unknown text size", 200621, card(md("x", text_size="tiny"))),
    ("an unknown language", 200621, card(md("x", i18n_content={"tlh": "x"}))),
    ("a bad margin", 200621, card(md("x", margin="1em"))),
    ("a bad element_id", 200621, card(md("x", element_id="1x"))),
    ("a callback value that is a string", 200621, card(button("ack"))),
    ("an unknown behavior", 200621, card(button(behaviors=[{"type": "dance"}]))),
    ("a link without an address", 200621, card(button(behaviors=[{"type": "open_url"}]))),
    ("a long button text", 200621, card(button(text=plain("x" * 101)))),
    ("a table in a panel", 200621, card(panel(table([])))),
    ("a form in a column", 200621, card(columns(form()))),
    ("a form in a form", 200621, card(form(form()))),
    ("a form without a submit button", 200621, card({**form(), "elements": [md("x")]})),
    ("a multiple select outside a form", 200621, card(select(tag="multi_select_static"))),
    ("a submit button outside a form", 200621, card(button(form_action_type="submit"))),
    ("two equal option values", 200621, card(select(options=[select()["options"][0]] * 2))),
    ("an option without a value", 200621, card(select(options=[{"text": plain("x")}]))),
    ("max_length beyond 1000", 200621, card({"tag": "input", "max_length": 1001})),
    ("a table page beyond 10", 200621, card({**table([]), "page_size": 11})),
    ("a javascript link", 200621, card(md("[x](javascript:alert(1))"))),
    ("a javascript button", 200621, card(button(behaviors=[{"type": "open_url", "default_url": "javascript:x"}]))),  # noqa: E501
    ("an address glued to Chinese", 200621, card(md("https://a.example/路径"))),
    ("an icon without a token", 200621, card(md("x", icon={"tag": "standard_icon"}))),
    ("elements that are no list", 200621, {"schema": "2.0", "body": {"elements": {}}}),
    ("an element that is no object", 200621, {"schema": "2.0", "body": {"elements": ["x"]}}),
    ("a removed tag", 200861, card({"tag": "note", "elements": []})),
    ("the action module", 200861, card({"tag": "action", "actions": []})),
    ("an unknown tag", 200861, card({"tag": "marquee"})),
    ("no tag", 200861, card({"content": "x"})),
    ("markdown where plain text stands", 200861, card(button(text={"tag": "lark_md", "content": "x"}))),  # noqa: E501
    ("201 elements", 11310, card(*({"tag": "hr"} for _ in range(201)))),
    ("six tables", 11310, card(*(table([]) for _ in range(6)))),
    ("five tables in one markdown", 11310, card(md("|a|b|\n|-|-|\n|1|2|\n\n" * 5))),
    ("six containers deep", 11310, card(panel(panel(panel(panel(panel(panel(md("x"))))))))),
    ("an element_id twice", 300301, card(md("x", element_id="a"), md("y", element_id="a"))),
    ("a field without a name", 200530, card(form(select()))),
    ("a field with an empty name", 200530, card(form(select(name="")))),
    ("a form without a name", 200530, card(form(name=""))),
    ("a field's name twice", 200530, card(form(select(name="a"), select(name="a")))),
    ("an unknown person in markdown", 100290, card(md("<at id=ou_nobody></at>"))),
    ("an unknown person in a list of ids", 100290, card(md('<at ids="ou_li,ou_x"></at>'))),
    ("an unknown address", 100290, card(md("<at email=x@example.com></at>"))),
    ("an unknown person in lark_md", 100290, card({"tag": "div", "text": {"tag": "lark_md", "content": "<at id='ou_x'></at>"}})),  # noqa: E501
    ("an unknown person in a translation", 100290, card(md("x", i18n_content={"en_us": "<at id=ou_x></at>"}))),  # noqa: E501
    ("an unknown person", 100290, card({"tag": "person", "user_id": "ou_x"})),
    ("an unknown person in a list", 100290, card({"tag": "person_list", "persons": [{"id": "ou_x"}]})),  # noqa: E501
    ("a bad image", 200570, card({"tag": "img", "img_key": "x", "alt": plain("x")})),
    ("a chart without a type", 200550, card({"tag": "chart", "chart_spec": {}})),
    ("a cell of the wrong type", 200914, card(table([{"a": "x"}], data_type="number"))),
    ("a cell of an undeclared column", 200915, card(table([{"b": "x"}]))),
    ("a column twice", 200915, card({**table([]), "columns": table([])["columns"] * 2})),
    ("1.0: an element without a tag", 11310, {"elements": [{}]}),
    ("1.0: actions in a column", 200410, {"elements": [columns({"tag": "action"})]}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "document"),
    [pytest.param(code, document, id=name) for name, code, document in REFUSALS],
)
def test_refusals(code: int, document: object) -> None:
    assert refused(document).code == code


async def test_a_refusal_reads_as_the_platform_writes_it() -> None:
    async with lab() as here:
        answer = await here.bot.send(card(md("x"), {"tag": "note"}))
        assert (answer.status_code, answer.json()["code"]) == (400, 230099)
        assert answer.json()["msg"] == (
            "Failed to create card content, ext=ErrCode: 200861; ErrPath: ROOT -> body -> elements"
            " -> [1](tag: note); ErrMsg: cards of schema V2 no longer support this capability; "
            "ErrorValue: unsupported tag note; "
        )
        assert answer.json()["error"]["log_id"] in answer.json()["error"]["troubleshooter"]


def test_exactly_200_elements_are_taken() -> None:
    assert check(card(*({"tag": "hr"} for _ in range(200)))).elements == 200


def test_all_is_mentioned_only_where_the_chat_allows_it() -> None:
    called = card(md("<at id=all></at>"))
    assert [mention.who for mention in check(called).mentions] == ["all"]
    assert refused(called, at_all=False).code == 100290
    assert refused(called, Knobs(at_all_sub_code=230035), at_all=False).code == 230035


LEGACY = [
    card({**button(), "value": {"a": 1}}),
    card(button(url="https://a.example")),
    card(form(button(name="b", action_type="form_reset"))),
    card({"tag": "div", "fields": [{"is_short": True}]}),
]


@pytest.mark.parametrize("document", LEGACY)
def test_legacy_properties_are_a_knob(document: Element) -> None:
    assert refused(document).code == 200621
    check(document, Knobs(legacy_properties="lenient"))


KNOBS: list[tuple[Element, Knobs]] = [
    (card(md("x", colour="red")), Knobs(unknown_properties="lenient")),
    (card(button("ack")), Knobs(string_callback_values=True)),
    (card(md("[x](javascript:x)")), Knobs(check_links=False)),
    (
        card(*({"tag": "hr"} for _ in range(200)), header={"title": plain("x")}),
        Knobs(count_header_tags=False),
    ),
    (card(*(select() for _ in range(100))), Knobs(count_option_tags=False)),
]


@pytest.mark.parametrize(("document", "knobs"), KNOBS)
def test_what_the_documents_leave_open_is_a_knob(document: Element, knobs: Knobs) -> None:
    refused(document)
    check(document, knobs)


def test_images_may_have_to_be_uploaded_first() -> None:
    picture = card({"tag": "img", "img_key": "img_1", "alt": plain("x")})
    check(picture)
    assert refused(picture, Knobs(known_images_only=True)).code == 200570


def test_a_list_may_drop_people_it_does_not_know() -> None:
    people = {"tag": "person_list", "persons": [{"id": "ou_x"}], "drop_invalid_user_id": True}
    check(card(people))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
NAMES = {name for part in schema.COMPONENTS.values() for name in part}
OTHERS = {"tag", "schema", "2.0", "1.0", "body", "header", "config", "locales", "element_id"}
WORDS = st.sampled_from(sorted({*NAMES, *OTHERS, *schema.COMPONENTS}))
CARDISH = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)


def _verdict(document: object) -> str:
    try:
        check(document)
    except BadCard as bad:
        return bad.ext
    return ""


@given(JSON_VALUES | CARDISH)
def test_any_json_is_taken_or_refused_in_words(document: object) -> None:
    for whole in (document, {"schema": "2.0", "body": {"elements": document}}):
        assert _verdict(whole)[:9] in ("", "ErrCode: ")


@given(st.sampled_from(FULL["body"]["elements"]), WORDS, CARDISH)
def test_a_broken_component_is_taken_or_refused_in_words(
    element: Element, name: str, value: object
) -> None:
    for document in (card({**element, name: value}), card(columns({**element, name: value}))):
        assert _verdict(document)[:9] in ("", "ErrCode: ")


ENTITIES = {char: f"&#{ord(char)};" for char in r"&<>~-!*/\[]()#:+\"'`$_@|"}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_written_in_entities_mentions_nobody(text: str) -> None:
    escaped = "".join(ENTITIES.get(char, char) for char in f"<at id=all></at> {text}")
    assert check(card(md(escaped))).mentions == []


def test_validation_takes_a_card_as_json_writes_it() -> None:
    assert check(json.loads(json.dumps(FULL))).elements == check(FULL).elements
