"""The reading of pages itself: what it misses, the other tests here would miss too."""

from tests.docs.pages import Block, anchors, blocks, headings, links, section, spans, table

PAGE = """# One `a`

![picture](a/b.png) and [link](c.md#two-words) and `span`

```console
$ make `demo`
output
```

| key | what |
|---|---|
| `x` | [y](z.md) |
| `w` | |

## Two, words

  ```yaml
  a: 1
  ```

## Three
"""


def test_blocks_are_found_with_their_commands() -> None:
    console, yaml = blocks(PAGE)
    assert console.commands == ["make `demo`"]
    assert yaml == Block("yaml", "  a: 1\n")


def test_code_is_no_prose() -> None:
    assert spans(PAGE) == ["a", "span", "x", "w"]
    assert links(PAGE) == ["a/b.png", "c.md#two-words", "z.md"]


def test_headings_have_levels_and_anchors() -> None:
    assert headings(PAGE) == [(1, "One `a`"), (2, "Two, words"), (2, "Three")]
    assert anchors(PAGE) == {"one-a", "two-words", "three"}


def test_a_table_is_rows_of_cells() -> None:
    assert table(PAGE, "key") == [["`x`", "[y](z.md)"], ["`w`", ""]]


def test_a_section_ends_where_the_next_begins() -> None:
    assert "a: 1" in section(PAGE, "Two, words")
    assert "Three" not in section(PAGE, "Two, words")
