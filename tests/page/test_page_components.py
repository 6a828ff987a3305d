"""Every component draws as what it is, and an unknown one says its name."""

import re

import pytest
from playwright.async_api import Browser

from tests.page.cards import (
    STARTED_MS,
    TICK,
    Json,
    button,
    card,
    column,
    columns,
    firing_card,
    md,
    option,
    silence_form,
    text,
)
from tests.page.stage import Stage, stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]

OPTIONS = [option("a", text("甲", "Alpha")), option("b", text("乙", "Beta"))]
PICKERS = ("date_picker", "picker_time", "picker_datetime")
TYPES = (
    "default", "primary", "danger", "text", "primary_text", "danger_text", "primary_filled",
    "danger_filled", "laser",
)  # fmt: skip


def every_component() -> list[Json]:
    """One of each component that may stand at a card's root."""
    line = {"type": "line", "data": {"values": [{"x": "1", "y": 1}, {"x": "2", "y": 3}]}}
    return [
        md("**bold**"),
        {"tag": "div", "text": text("plain")},
        {"tag": "hr"},
        {"tag": "img", "img_key": "img_1", "alt": text("a graph")},
        {
            "tag": "img_combination",
            "combination_mode": "double",
            "img_list": [{"img_key": "img_1"}, {"img_key": "img_2"}],
        },
        {"tag": "person", "user_id": "ou_x"},
        {"tag": "person_list", "persons": [{"id": "ou_x"}]},
        {"tag": "chart", "chart_spec": {**line, "xField": "x", "yField": "y"}},
        {"tag": "chart", "chart_spec": {"type": "pie"}},
        {"tag": "table", "columns": [{"name": "n", "data_type": "text"}], "rows": [{"n": "cell"}]},
        columns(column(md("left")), column(md("right"))),
        {
            "tag": "collapsible_panel",
            "header": {"title": text("more")},
            "elements": [md("folded")],
        },
        {"tag": "interactive_container", "behaviors": [TICK], "elements": [md("press")]},
        silence_form(),
        button(text("press")),
        {"tag": "overflow", "options": OPTIONS},
        {"tag": "select_static", "options": OPTIONS},
        {"tag": "select_person"},
        {"tag": "input", "placeholder": text("say")},
        *({"tag": tag} for tag in PICKERS),
        {"tag": "checker", "text": text("done"), "behaviors": [TICK]},
        {"tag": "multi_select_static", "name": "m", "options": OPTIONS},
        {"tag": "multi_select_person", "name": "p"},
        {"tag": "audio", "file_key": "file_1"},
    ]


async def test_every_component_draws(at: Stage) -> None:
    wanted = every_component()
    shown = at.message(await at.place(card(*wanted)))
    for place, element in enumerate(wanted):
        node = shown.locator(f"[data-pointer='/body/elements/{place}'][data-tag]").first
        assert await node.get_attribute("data-tag") == element["tag"]
        box = await node.bounding_box()
        assert box is not None
        assert box["width"] > 0, element
    assert await shown.get_by_test_id("unknown-component").count() == 0
    assert await shown.locator(".chart-line").count() == 1


async def test_an_unknown_component_is_a_box_with_its_name(at: Stage) -> None:
    shown = at.message(await at.place(card({"tag": "note"}, {"tag": "toString"})))
    names = await shown.get_by_test_id("unknown-component").all_inner_texts()
    assert names == ["未知组件：note", "未知组件：toString"]


async def test_the_demo_card_passes_the_validator(at: Stage) -> None:
    shown = at.message(await at.send(firing_card()))
    assert await shown.locator(".card-title > span").first.inner_text() == "磁盘将满"


MARKDOWN = """# Title
**bold** *italic* ~~gone~~ `code` :OK: &#42;
second <font color='red'>red</font> <text_tag color='blue'>tag</text_tag> <number_tag>3</number_tag>
> quote
> > nested

- one
  - inner
1. first

```python
if a < b: pass
```

| a | b |
|---|--:|
| 1 | **2** |

---
[text](https://example.com/a?b=1) <a href='https://example.com/c'>c</a> https://example.com/d，后面
<at id=all></at> <unknown>x</unknown>"""


async def test_markdown_draws_its_dialect(at: Stage) -> None:
    shown = at.message(await at.place(card(md(MARKDOWN)))).locator(".md")
    found = {
        "h1": "Title",
        "strong >> nth=0": "bold",
        "em": "italic",
        "s": "gone",
        ".md-inline-code": "code",
        ".text-tag": "tag",
        ".number-tag": "3",
        "blockquote blockquote": "nested",
        "ul ul li": "inner",
        "ol li": "first",
        ".md-code code": "if a < b: pass",
        "td >> nth=1": "2",
        ".mention-all": "@所有人",
    }
    for selector, wanted in found.items():
        assert await shown.locator(selector).inner_text() == wanted, selector
    assert await shown.locator("hr").count() == 1
    assert await shown.locator("a").all_inner_texts() == ["text", "c", "https://example.com/d"]
    everything = await shown.inner_text()
    assert "👌 *" in everything
    assert "<unknown>x</unknown>" in everything


TIMES = [("Asia/Shanghai", "2023/11/15 06:13"), ("America/New_York", "2023/11/14 17:13")]


@pytest.mark.parametrize(("zone", "wanted"), TIMES)
async def test_times_are_the_readers(browser: Browser, zone: str, wanted: str) -> None:
    kinds = ("date_num", "time")
    source = " ".join(
        f"<local_datetime millisecond='{STARTED_MS}' format_type='{kind}'></local_datetime>"
        for kind in kinds
    )
    async with stage(browser, zone=zone) as at:
        shown = at.message(await at.send(card(md(source)))).locator(".md")
        assert await shown.inner_text() == wanted


async def test_mentions_of_people_show_their_names(at: Stage) -> None:
    who = at.users[0].open_id
    shown = at.message(await at.place(card(md(f"<at id={who}></at>"))))
    assert await shown.locator(".mention").inner_text() == "@王小明"


async def test_plain_text_and_lark_md_differ(at: Stage) -> None:
    source = "**b** <at id=all></at>\n# no heading"
    lark = {"tag": "div", "text": {"tag": "lark_md", "content": source}}
    shown = at.message(await at.place(card({"tag": "div", "text": text(source)}, lark)))
    plain, rich = shown.locator("[data-tag=div]").nth(0), shown.locator("[data-tag=div]").nth(1)
    assert await plain.inner_text() == source
    assert await rich.locator("strong").inner_text() == "b"
    assert "# no heading" in await rich.inner_text()


async def test_buttons_of_all_types_differ_and_a_disabled_one_tells_why(at: Stage) -> None:
    off = button(text("off"), disabled=True, disabled_tips=text("值班人员才能操作"))
    made = card(*(button(text(kind), type=kind) for kind in TYPES), off)
    shown = at.message(await at.send(made))
    look = "n => { const s = getComputedStyle(n); return s.color + s.background + s.borderColor; }"
    looks = {await shown.get_by_role("button", name=k, exact=True).evaluate(look) for k in TYPES}
    assert len(looks) == len(TYPES)
    await shown.get_by_role("button", name="off").dispatch_event("click")
    assert await at.page.get_by_test_id("toast").inner_text() == "值班人员才能操作"
    assert at.callbacks.asked == []


async def test_a_table_turns_its_pages(at: Stage) -> None:
    table = {
        "tag": "table",
        "page_size": 2,
        "columns": [
            {"name": "n", "display_name": "Name", "data_type": "text"},
            {
                "name": "v",
                "display_name": "Value",
                "data_type": "number",
                "format": {"symbol": "¥", "precision": 2, "separator": True},
            },
        ],
        "rows": [{"n": f"row {at}", "v": 1000 * at} for at in range(3)],
    }
    shown = at.message(await at.send(card(table)))
    assert await shown.locator("tbody td").all_inner_texts() == [
        "row 0",
        "¥0.00",
        "row 1",
        "¥1,000.00",
    ]
    await shown.get_by_role("button", name="下一页").click()
    assert await shown.locator("tbody td").all_inner_texts() == ["row 2", "¥2,000.00"]
    assert await shown.get_by_role("button", name="下一页").is_disabled()


async def test_columns_share_the_width_by_weight(at: Stage) -> None:
    made = columns(column(md("a"), weight=1), column(md("b"), weight=3), horizontal_spacing="0px")
    shown = at.message(await at.send(card(made)))
    widths = [
        await shown.locator(f"[data-pointer='/body/elements/0/columns/{at}']").evaluate(
            "n => n.getBoundingClientRect().width"
        )
        for at in (0, 1)
    ]
    assert widths[1] / widths[0] == pytest.approx(3, rel=0.02)


async def test_a_panel_opens_by_keyboard(at: Stage) -> None:
    shown = at.message(await at.send(firing_card()))
    head = shown.locator("[data-element-id=alerts] .panel-head")
    assert not await shown.get_by_text("/var/lib/postgresql").first.is_visible()
    await head.focus()
    await at.page.keyboard.press("Enter")
    assert await head.get_attribute("aria-expanded") == "true"
    assert await shown.get_by_text("/var/lib/postgresql").first.is_visible()


@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_is_wider_than_the_screen(browser: Browser, width: int) -> None:
    async with stage(browser, width=width, height=844) as at:
        await at.send(firing_card())
        await at.place(card(*every_component()))
        await at.place(card(md("x" * 500), {"tag": "div", "text": text("y" * 500)}))
        overflow = "n => n.scrollWidth - n.clientWidth"
        assert await at.page.locator(".scroller").evaluate(overflow) <= 0
        assert await at.page.locator("html").evaluate(overflow) <= 0


async def test_sizes_and_colours_come_from_names_and_from_the_cards_own_styles(at: Stage) -> None:
    named = {**text("small"), "text_size": "notation", "text_color": "red-600"}
    own = {**text("own"), "text_size": "cus-0", "text_color": "cus-1"}
    made = card({"tag": "div", "text": named}, {"tag": "div", "text": own})
    made["config"]["style"] = {
        "text_size": {"cus-0": {"default": "heading", "pc": "heading-1", "mobile": "heading"}},
        "color": {"cus-1": {"light_mode": "rgba(1,2,3,1)", "dark_mode": "rgba(4,5,6,1)"}},
    }
    shown = at.message(await at.place(made))
    look = "n => [getComputedStyle(n).fontSize, getComputedStyle(n).color]"
    assert (await shown.locator(".div-text").nth(0).evaluate(look))[0] == "12px"
    assert await shown.locator(".div-text").nth(1).evaluate(look) == ["24px", "rgb(1, 2, 3)"]
    await at.page.get_by_test_id("theme").click()
    seen = await at.page.locator(".div-text").nth(1).evaluate(look)
    assert re.fullmatch(r"rgb\(4, 5, 6\)", seen[1])
