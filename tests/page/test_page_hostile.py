"""Card content is hostile: whatever it says, nothing of it becomes active on the page."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.page.cards import TICK, Json, card, md, text
from tests.page.stage import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]

ACTIVE = "script, iframe, object, embed, link, style, base, meta, form[action], svg a, img, video"
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "[a](javascript:alert(1))",
    "[a](java\tscript:alert(1))",
    "[a](&#106;avascript&#58;alert(1))",
    "[a](\u200bjavascript:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    "[a](vbscript:x)",
    "[a](file:///etc/passwd)",
    "[a](//evil.example)",
    "<javascript:alert(1)>",
    "<a href='javascript:alert(1)'>b</a>",
    "<a href=javascript:alert(1) onclick=alert(1)>b</a>",
    "<link icon='x' url='javascript:alert(1)'>b</link>",
    "<font color='red;background:url(//evil.example)'>c</font>",
    "<font color=red onmouseover=alert(1)>c</font>",
    "<text_tag color='x\" onclick=\"alert(1)'>c</text_tag>",
    "<local_datetime millisecond='1' link='javascript:alert(1)'></local_datetime>",
    "<local_datetime millisecond='9999999999999999'></local_datetime>",
    "![x](javascript:alert(1))",
    "<at id='\"><script>alert(1)</script>'></at>",
    "<person id='<img src=x onerror=alert(1)>' show_name=true></person>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<__proto__>x</__proto__>",
    "<constructor color=red>x</constructor>",
    ":constructor: :__proto__:",
    "| <script> | b |\n|---|---|\n| [x](javascript:alert(1)) | <img src=x> |",
    '```"><script>\n</code><script>alert(1)</script>\n```',
    "> " * 300 + "deep",
    "<font color=red>" * 300 + "deep" + "</font>" * 300,
    "- " * 200 + "x",
    "*" * 3000,
    "[" * 3000,
)
LOOK = """
root => ({
  active: root.querySelectorAll(ACTIVE).length,
  links: [...root.querySelectorAll('a')].map(a => [a.protocol, a.rel, a.target]),
  handlers: [...root.querySelectorAll('*')].flatMap(
    n => [...n.attributes].filter(a => a.name.startsWith('on') || a.name === 'style' && /url/i.test(a.value))
  ).length,
})
""".replace("ACTIVE", repr(ACTIVE))  # noqa: E501 - a script


def harmless(seen: Json) -> bool:
    """Tell whether what LOOK saw can do nothing."""
    safe = {"http:", "https:", "mailto:", "lark:"}
    links = all(
        protocol in safe and "noopener" in rel and target == "_blank"
        for protocol, rel, target in seen["links"]
    )
    return seen["active"] == 0 and seen["handlers"] == 0 and links


async def test_hostile_markdown_draws_nothing_active(at: Stage) -> None:
    message_id = await at.place(card(*(md(source) for source in HOSTILE)))
    shown = at.message(message_id).locator(".card")
    seen = await shown.evaluate(LOOK)
    assert harmless(seen), seen
    assert seen["links"] == []
    assert await shown.locator("[data-tag=markdown]").count() == len(HOSTILE)
    assert "<script>alert(1)</script>" in await shown.inner_text()


async def test_hostile_text_stays_text_everywhere_else(at: Stage) -> None:
    hostile = "<at id=all></at><img src=x onerror=alert(1)>**b**[a](https://x.example)"
    made = card(
        {"tag": "div", "text": text(hostile)},
        {"tag": "button", "text": text(hostile), "behaviors": [TICK]},
        {"tag": "select_static", "options": [{"text": text(hostile), "value": "1"}]},
        {"tag": "table", "columns": [{"name": "a", "data_type": "text"}], "rows": [{"a": hostile}]},
        {"tag": "img", "img_key": "img_x", "alt": text(hostile)},
        {"tag": hostile},
        title=hostile,
    )
    made["config"]["summary"] = {"content": hostile}
    shown = at.message(await at.place(made))
    seen = await at.page.locator("body").evaluate(
        LOOK.replace("querySelectorAll(ACTIVE)", "querySelectorAll('.card script')")
    )
    assert (seen["handlers"], seen["links"]) == (0, [])
    assert await shown.locator(ACTIVE).count() == 0
    assert await shown.locator(".mention, strong").count() == 0
    assert await shown.locator(".card-title").inner_text() == hostile
    assert await shown.locator("[data-tag=div]").inner_text() == hostile
    assert await at.page.locator(".chat-item-preview").inner_text() == hostile


async def test_a_button_to_an_unsafe_address_does_nothing(at: Stage) -> None:
    behavior = {"type": "open_url", "default_url": "javascript:alert(1)"}
    made = card({"tag": "button", "text": text("go"), "behaviors": [behavior]})
    made["card_link"] = {"url": "javascript:alert(1)"}
    shown = at.message(await at.place(made))
    button = shown.get_by_role("button", name="go")
    assert await button.get_attribute("aria-disabled") == "true"
    await button.dispatch_event("click")
    assert await at.page.get_by_test_id("toast").inner_text() == "链接地址不安全，已停用"
    assert await shown.locator("a").count() == 0
    assert at.callbacks.asked == []


async def test_hostile_text_messages_mention_only_whom_they_mention(at: Stage) -> None:
    shown = at.message(await at.place({"text": "<b>x</b> @王小明 @所有人 javascript:x"}, "text"))
    assert await shown.locator(".mention, a, b").count() == 0
    assert await shown.locator(".bubble").inner_text() == "<b>x</b> @王小明 @所有人 javascript:x"


async def test_malformed_cards_draw_something_and_break_nothing(at: Stage) -> None:
    broken: list[Json] = [
        {
            "body": {
                "elements": [
                    None,
                    3,
                    "x",
                    [],
                    {},
                    {"tag": None},
                    {"tag": "column_set", "columns": 4},
                ]
            }
        },
        {"header": 4, "body": []},
        {"header": {"title": None, "text_tag_list": {"a": 1}}, "body": {"elements": {}}},
        card({"tag": "table", "columns": [None], "rows": [None, 4]}),
        card({"tag": "collapsible_panel"}, {"tag": "form"}, {"tag": "button"}, {"tag": "div"}),
        card({"tag": "select_static", "options": [None, {}]}, {"tag": "overflow", "options": {}}),
        card({"tag": "chart", "chart_spec": {"type": "line", "data": {"values": [{"x": 1}]}}}),
        card({"tag": "person_list", "persons": [None]}, {"tag": "markdown", "content": {"a": 1}}),
    ]
    for content in broken:
        await at.place(content)
    whole = card(md("still here"))
    assert await at.message(await at.place(whole)).get_by_text("still here").is_visible()


DRAW = """
async source => {
  const { drawMarkdown } = await import('/static/markdown.js');
  const root = document.createElement('div');
  root.append(...drawMarkdown(source, { users: new Map() }));
  return { text: root.textContent, tags: [...root.querySelectorAll('*')].map(n => n.localName),
           look: (LOOK)(root) };
}
""".replace("LOOK", LOOK)
PIECES = st.sampled_from(
    [
        *HOSTILE[:28],
        "**",
        "*",
        "_",
        "~~",
        "`",
        "```",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "> ",
        "    ",
        "|",
        "|-|\n",
        "# ",
        "<font color=red>",
        "</font>",
        "<at id=all>",
        "</at>",
        "https://a.example/x",
        "[",
        "](",
        ")",
        "&#60;",
        "&amp;",
        "\\",
        "<br>",
        "文",
        " ",
    ]
)
BROWSED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(source=st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join))
@BROWSED
async def test_any_soup_of_markdown_draws_nothing_active(at: Stage, source: str) -> None:
    assert harmless((await at.page.evaluate(DRAW, source))["look"])


@given(source=st.text(alphabet="<>~-!*/\\[]()#:+\"'`$_&ab 文|=.1", max_size=40))
@BROWSED
async def test_escaped_text_is_shown_as_it_was(at: Stage, source: str) -> None:
    entities = "".join(f"&#{ord(char)};" for char in source)
    drawn = await at.page.evaluate(DRAW, entities)
    assert drawn["text"] == source
    assert set(drawn["tags"]) <= {"p"}
