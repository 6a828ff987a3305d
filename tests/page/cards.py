"""The cards that the page's tests send."""

from typing import Any, Final

Json = dict[str, Any]

TEMPLATES: Final = (
    "blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "carmine", "violet",
    "purple", "indigo", "grey", "default",
)  # fmt: skip

STARTED_MS: Final = 1_700_000_000_000
TICK = {"type": "callback", "value": {"v": 1, "a": "ack"}}


def text(zh: str, en: str | None = None) -> Json:
    """Make a plain_text object, in both languages when two are given."""
    i18n = {"i18n_content": {"zh_cn": zh, "en_us": en}} if en is not None else {}
    return {"tag": "plain_text", "content": zh, **i18n}


def md(zh: str, en: str | None = None, **extra: Any) -> Json:
    """Make a markdown component, in both languages when two are given."""
    i18n = {"i18n_content": {"zh_cn": zh, "en_us": en}} if en is not None else {}
    return {"tag": "markdown", "content": zh, **i18n, **extra}


def column(*elements: Json, weight: int = 1) -> Json:
    """Make a weighted column."""
    return {"tag": "column", "width": "weighted", "weight": weight, "elements": list(elements)}


def columns(*parts: Json, flex_mode: str = "none", **extra: Any) -> Json:
    """Make a row of columns."""
    return {"tag": "column_set", "flex_mode": flex_mode, "columns": list(parts), **extra}


def button(label: Json, **extra: Any) -> Json:
    """Make a button that calls back."""
    return {"tag": "button", "text": label, "behaviors": [TICK], **extra}


def option(value: str, label: Json) -> Json:
    """Make one entry of a select or an overflow menu."""
    return {"value": value, "text": label}


def card(*elements: Json, title: str = "A card", template: str = "blue") -> Json:
    """Make a small valid card around the given components."""
    return {
        "schema": "2.0",
        "config": {"update_multi": True},
        "header": {"title": text(title), "template": template},
        "body": {"elements": list(elements)},
    }


def _form_buttons() -> Json:
    submit = button(
        text("静默", "Silence"),
        name="submit_silence",
        form_action_type="submit",
        type="primary",
    )
    reset = {
        "tag": "button",
        "name": "reset_silence",
        "form_action_type": "reset",
        "text": text("重置", "Reset"),
    }
    return columns(
        {"tag": "column", "width": "auto", "direction": "horizontal", "elements": [submit, reset]}
    )


def silence_form(*, comment: str = "原因", folded: bool = False) -> Json:
    """Make the form that a firing incident offers; its fields stand in a panel."""
    duration = {
        "tag": "select_static",
        "name": "duration",
        "required": True,
        "placeholder": text("时长", "Duration"),
        "options": [option(f"{n}h", text(f"{n} 小时", f"{n} h")) for n in (1, 4, 24)],
    }
    reason = {
        "tag": "input",
        "name": "comment",
        "max_length": 200,
        "placeholder": text(comment, "Reason" if comment == "原因" else comment),
    }
    panel = {
        "tag": "collapsible_panel",
        "element_id": "silence_panel",
        "expanded": not folded,
        "border": {"color": "grey"},
        "header": {"title": text("静默…", "Silence…")},
        "elements": [duration, reason, _form_buttons()],
    }
    return {"tag": "form", "name": "silence_form", "elements": [panel]}


def _alerts(count: int) -> Json:
    rows = "\n".join(
        f"- `db-{n}` /var/lib/postgresql **{90 + n} %** <font color='grey'>5m</font>"
        for n in range(1, count + 1)
    )
    return {
        "tag": "collapsible_panel",
        "element_id": "alerts",
        "expanded": False,
        "border": {"color": "grey"},
        "header": {"title": text(f"全部告警 ({count})", f"All alerts ({count})")},
        "elements": [md(rows)],
    }


def _facts() -> Json:
    when = f"<local_datetime millisecond='{STARTED_MS}' format_type="
    since = f"{when}'date_short'></local_datetime> {when}'time'></local_datetime>"
    return columns(
        column(md("**位置**\ndb-3 · 生产环境", "**Where**\ndb-3 · production")),
        column(md(f"**开始于**\n{since}", f"**Since**\n{since}")),
        column(
            md(
                "**数量**\n5 <font color='red'>+3 新增</font>",
                "**Count**\n5 <font color='red'>+3 new</font>",
            )
        ),
        flex_mode="stretch",
        background_style="grey",
    )


def _controls() -> Json:
    more = {
        "tag": "overflow",
        "element_id": "o_more",
        "options": [
            option("resolve", text("标记为已处理", "Mark as handled")),
            option("escalate", text("升级", "Escalate")),
        ],
        "behaviors": [TICK],
    }
    acknowledge = button(text("认领", "Acknowledge"), type="primary_filled", element_id="b_ack")
    return columns(
        {
            "tag": "column",
            "width": "auto",
            "direction": "horizontal",
            "elements": [acknowledge, more],
        }
    )


def _header(template: str) -> Json:
    return {
        "template": template,
        "title": text("磁盘将满", "Disk almost full"),
        "subtitle": text("磁盘预计 4 小时内写满", "The disk will be full within 4 hours"),
        "icon": {"tag": "standard_icon", "token": "warning_outlined", "color": "red"},
        "text_tag_list": [
            {"tag": "text_tag", "text": text("严重", "critical"), "color": "red"},
            {"tag": "text_tag", "text": text("触发中", "firing"), "color": "orange"},
        ],
    }


def _escalated() -> Json:
    said = text("2 分钟前升级至值班人员", "Escalated to the on-call person 2 minutes ago")
    return {
        "tag": "div",
        "icon": {"tag": "standard_icon", "token": "time_outlined"},
        "text": {**said, "text_size": "notation", "text_color": "grey"},
    }


def firing_card(*, template: str = "red") -> Json:
    """Make a rich card of a critical incident, as the receiver would send it."""
    summary = text("[严重] 磁盘将满 · db-3 · 5 条", "[critical] Disk almost full · db-3 · 5 alerts")
    del summary["tag"]
    links = "[{}](https://example.com/runbook)　[{}](https://example.com/d/1)"
    elements = [
        _facts(),
        md(
            "可用空间仅剩 **4 GB**，写入速度 `18 MB/s`。",
            "Only **4 GB** left at a write rate of `18 MB/s`.",
        ),
        md("`alertname` DiskAlmostFull　`team` storage　`cluster` eu-1", text_size="notation"),
        md(links.format("运行手册", "仪表盘"), links.format("Runbook", "Dashboard")),
        _alerts(5),
        {"tag": "hr"},
        _controls(),
        silence_form(folded=True),
        _escalated(),
    ]
    return {
        "schema": "2.0",
        "config": {"update_multi": True, "summary": summary},
        "header": _header(template),
        "body": {"elements": elements},
    }
