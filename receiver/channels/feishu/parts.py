"""The small pieces that cards are put together from.

https://open.feishu.cn/document/feishu-cards/card-json-v2-structure
"""

from collections.abc import Iterable, Sequence

from receiver.channels.feishu.size import Json
from receiver.phrases import Said

SMALL = "notation"


def words(said: Said | str) -> Json:
    """Return the content of a text, in both languages where they differ."""
    if isinstance(said, str):
        return {"content": said}
    if said.zh_cn == said.en_us:
        return {"content": said.zh_cn}
    return {
        "content": said.zh_cn,
        "i18n_content": {"zh_cn": said.zh_cn, "en_us": said.en_us},
    }


def joined(parts: Iterable[Said | str], between: str) -> Said:
    """Join texts in each language."""
    both = [Said(part, part) if isinstance(part, str) else part for part in parts]
    return Said(
        between.join(part.zh_cn for part in both), between.join(part.en_us for part in both)
    )


def plain_text(said: Said | str) -> Json:
    """Return a text without markup."""
    return {"tag": "plain_text", **words(said)}


def markdown(said: Said | str, *, small: bool = False) -> Json:
    """Return a markdown component; what came from outside must be escaped."""
    drawn: Json = {"tag": "markdown", **words(said)}
    if small:
        drawn["text_size"] = SMALL
    return drawn


def plain_block(text: str) -> Json:
    """Return lines of small text without markup: nothing in them needs to be escaped."""
    return {"tag": "div", "text": {**plain_text(text), "text_size": SMALL}}


def text_tag(said: Said | str, colour: str) -> Json:
    """Return a tag of the header."""
    return {"tag": "text_tag", "text": plain_text(said), "color": colour}


def button(said: Said, style: str, behavior: Json, *, confirm: Json | None = None) -> Json:
    """Return a button that calls back or opens an address."""
    drawn: Json = {
        "tag": "button",
        "type": style,
        "text": plain_text(said),
        "behaviors": [behavior],
    }
    if confirm is not None:
        drawn["confirm"] = confirm
    return drawn


def question(title: Said, text: Said) -> Json:
    """Return what a button asks before it acts."""
    return {"title": plain_text(title), "text": plain_text(text)}


def row(buttons: Sequence[Json], *, gap: str = "8px") -> Json:
    """Return buttons side by side, which wrap where the screen is narrow."""
    columns = [{"tag": "column", "width": "auto", "elements": [item]} for item in buttons]
    return {
        "tag": "column_set",
        "flex_mode": "flow",
        "horizontal_spacing": gap,
        "columns": columns,
    }


def grid(cells: Sequence[Said | str]) -> list[Json]:
    """Return facts in rows of two columns, also on a phone."""
    rows: list[Json] = []
    for at in range(0, len(cells), 2):
        pair = [markdown(cell) for cell in cells[at : at + 2]]
        columns: list[Json] = [
            {"tag": "column", "width": "weighted", "weight": 1, "elements": [cell]} for cell in pair
        ]
        if len(columns) == 1:
            columns.append({"tag": "column", "width": "weighted", "weight": 1, "elements": []})
        rows.append({"tag": "column_set", "flex_mode": "bisect", "columns": columns})
    return rows


def panel(title: Said, element_id: str, elements: list[Json]) -> Json:
    """Return a folded panel."""
    return {
        "tag": "collapsible_panel",
        "element_id": element_id,
        "expanded": False,
        "padding": "8px",
        "vertical_spacing": "8px",
        "border": {"color": "grey", "corner_radius": "6px"},
        "header": {
            "title": plain_text(title),
            "padding": "4px 8px 4px 8px",
            "icon": {
                "tag": "standard_icon",
                "token": "down-small-ccm_outlined",
                "size": "16px 16px",
            },
            "icon_position": "right",
            "icon_expanded_angle": -180,
        },
        "elements": elements,
    }
