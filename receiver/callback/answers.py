"""The words that commands are answered with, in both languages."""

from collections.abc import Iterable, Mapping, Sequence

from receiver.callback.toast import Toast
from receiver.channels.feishu.answer_card import Answer, Line, is_whole
from receiver.domain.alternatives import SETS_MOST
from receiver.domain.command import NAMES, CommandKind, Mistake, Problem
from receiver.domain.incident import Incident
from receiver.domain.listing import Standing
from receiver.domain.request import Request
from receiver.domain.silence import Silence, SilenceState
from receiver.phrases import Said
from receiver.phrases.story import Event, Now, event_line, now_lines, title_of
from receiver.store.base import Entry, Snapshot

SHOWN_MOST = 15
SILENCES_MOST = 8  # of one page
UNANSWERED_MOST = 5
NAME_LIMIT = 40
MATCHERS_SHOWN = 100
COMMENT_SHOWN = 80
# Lines of a timeline, and characters of each part of a line: what fits is shown.
WHY_LADDER = ((SHOWN_MOST, 140), (11, 100), (7, 60), (3, 30))
STANDING_MOST = 4  # owners, silences and cards of an incident, each
_NEXT = Said("静默列表 <页>", "silences <page>")

_FORMS: dict[CommandKind, Said] = {
    CommandKind.ALERTS: Said('告警 [severity="critical"]', 'alerts [severity="critical"]'),
    CommandKind.SILENCES: Said("静默列表 [页]", "silences [page]"),
    CommandKind.SILENCE: Said(
        "静默 alertname=DiskFull 2h 换盘", "silence alertname=DiskFull 2h new disk"
    ),
    CommandKind.UNSILENCE: Said("解除静默 <编号>", "unsilence <id>"),
    CommandKind.ACK: Said("认领 [编号]", "ack [id]"),
    CommandKind.WHY: Said("为什么 <编号>", "why <id>"),
    CommandKind.ONCALL: Said("值班 [名单]", "oncall [list]"),
    CommandKind.HELP: Said("帮助", "help"),
}
_MEANINGS: dict[CommandKind, Said] = {
    CommandKind.ALERTS: Said("正在告警的事件", "what fires"),
    CommandKind.SILENCES: Said(
        "生效的静默,在别处创建的也列出", "the silences that hold, whoever made them"
    ),
    CommandKind.SILENCE: Said(
        "静默匹配的告警,最长 7d;回复卡片时可不写标签",
        "mute what matches, 7d at most; in a card's thread without labels",
    ),
    CommandKind.UNSILENCE: Said("解除一个静默", "end a silence"),
    CommandKind.ACK: Said(
        "认领事件;回复卡片时不写编号", "acknowledge; in a card's thread without an id"
    ),
    CommandKind.WHY: Said("事件的经过", "what an incident went through"),
    CommandKind.ONCALL: Said("谁在值班", "who is on call"),
    CommandKind.HELP: Said("这些命令", "these commands"),
}
_PROBLEMS: dict[Problem, Said] = {
    Problem.UNKNOWN: Said("没有这个命令", "There is no such command"),
    Problem.TOO_LONG: Said("命令太长", "The command is too long"),
    Problem.MATCHER: Said("匹配条件写错了", "This is no matcher"),
    Problem.NO_MATCHER: Said(
        "缺少标签,例如 alertname=DiskFull", "Labels are missing, such as alertname=DiskFull"
    ),
    Problem.NOT_EQUAL: Said(
        '静默只接受 标签=值 或 标签=~"甲|乙" 这样逐一列出的值,值不能为空;不接受 != 和 !~',
        'A silence takes label=value, or label=~"a|b" that names each value; never an empty one, '
        "and no != or !~",
    ),
    Problem.TOO_MANY: Said(
        f"这需要超过 {SETS_MOST} 个静默,请缩小范围",
        f"That would be more than {SETS_MOST} silences: name fewer values",
    ),
    Problem.NO_DURATION: Said(
        "缺少时长,例如 30m、2h、1d", "The time is missing, such as 30m, 2h or 1d"
    ),
    Problem.DURATION: Said("时长须在 1m 到 7d 之间", "The time must be between 1m and 7d"),
    Problem.NO_ID: Said("缺少编号", "The id is missing"),
    Problem.SURPLUS: Said("这里多了内容", "There is more than the command takes"),
}


def both(text: str) -> Said:
    """Return what is the same in both languages."""
    return Said(text, text)


def help_answer() -> Answer:
    """List the commands."""
    lines: list[Line] = [(_FORMS[kind], both(" - "), _MEANINGS[kind]) for kind in CommandKind]
    return Answer(Said("可用的命令", "The commands"), tuple(lines))


def mistaken(mistake: Mistake) -> Answer:
    """Say what is wrong, where, and how it is right."""
    what = _PROBLEMS[mistake.problem]
    lines: list[Line] = [(what,)]
    if mistake.seen or mistake.at:
        place_zh = f"第 {mistake.at} 个字符处:" if mistake.at else ""
        place_en = f"at character {mistake.at}: " if mistake.at else ""
        seen = mistake.seen or "…"
        lines = [(what, Said(f"({place_zh}{seen})", f" ({place_en}{seen})"))]
    if mistake.kind is None:
        names = [Said(*NAMES[kind]) for kind in CommandKind]
        lines.append((Said("可用:", "There are: "), listed(names)))
    else:
        lines.append((Said("写法:", "Write: "), _FORMS[mistake.kind]))
    return Answer(Said("没有执行", "Nothing was done"), tuple(lines), "red")


def listed(names: Iterable[Said]) -> Said:
    """Join names."""
    kept = list(names)
    return Said("、".join(one.zh_cn for one in kept), ", ".join(one.en_us for one in kept))


def refused(why: Toast) -> Answer:
    """Say why it was refused."""
    return Answer(Said("没有执行", "Nothing was done"), ((Said(why.zh, why.en),),), "red")


def told(title: Said, *lines: Line, good: bool = True) -> Answer:
    """Say something short."""
    return Answer(title, lines, "green" if good else "red")


def number(incident: Incident) -> str:
    """Return by what an incident is known."""
    return f"#{incident.id}"


def alerts_answer(found: Sequence[Snapshot], firing: Sequence[int], more: bool) -> Answer:
    """List incidents with the number of their alerts that fire and match."""
    lines: list[Line] = []
    for snapshot, count in list(zip(found, firing, strict=True))[:SHOWN_MOST]:
        incident = snapshot.incident
        owner = incident.ack.actor.label if incident.ack is not None else ""
        head = f"{number(incident)} {title_of(incident)} "
        lines.append(
            (
                both(head),
                Said(f"{count} 条,自 ", f"{count} firing, since "),
                incident.opened_at,
                Said(
                    f",{owner} 已认领" if owner else "",
                    f", acknowledged by {owner}" if owner else "",
                ),
            )
        )
    left = len(found) - SHOWN_MOST
    if left > 0 or more:
        at_least = "至少 " if more else ""
        lines.append(
            (
                Said(
                    f"另有 {at_least}{max(left, 1)} 个:请加标签缩小范围",
                    f"{'at least ' if more else ''}{max(left, 1)} more: name labels to see fewer",
                ),
            )
        )
    title = Said(f"告警中的事件:{len(found)}", f"Incidents that fire: {len(found)}")
    return Answer(title, tuple(lines), "red" if found else "green")


def matchers_of(silence: Silence) -> str:
    """Return what a silence mutes."""
    return ", ".join(f"{name}={value}" for name, value in silence.matchers)


def silences_answer(found: Sequence[Standing], page: int, unanswered: Mapping[str, str]) -> Answer:
    """List the silences of a page, the first to end first; and who could not be asked."""
    pages = max(-(-len(found) // SILENCES_MOST), 1)
    page = min(page, pages)
    first = (page - 1) * SILENCES_MOST
    lines: list[Line] = [_standing(one) for one in found[first : first + SILENCES_MOST]]
    for source, said in sorted(unanswered.items())[:UNANSWERED_MOST]:
        problem = cut(said, NAME_LIMIT)
        lines.append(
            (
                Said(
                    f"⚠️ {source} 没有回答({problem}),只列出在此创建的",
                    f"⚠️ {source} did not answer ({problem}): only those made here are listed",
                ),
            )
        )
    if pages > 1:
        lines.append((Said(f"第 {page}/{pages} 页,写:", f"Page {page} of {pages}, write: "), _NEXT))
    title = Said(f"生效的静默:{len(found)}", f"Silences that hold: {len(found)}")
    return Answer(title, tuple(lines))


def _standing(one: Standing) -> Line:
    where = Said("在此创建", "made here") if one.ours else Said("在别处创建", "made elsewhere")
    who = cut(one.who, NAME_LIMIT) or "?"
    why = cut(one.comment, COMMENT_SHOWN)
    head = both(f"{one.id[:8]} {cut(one.matchers, MATCHERS_SHOWN)} ")
    begins: Line = (Said("自 ", "from "), one.begins_at, both(" ")) if one.begins_at else ()
    return (
        head,
        Said(
            f"({one.source},{who},{where.zh_cn})",
            f"({one.source}, {who}, {where.en_us}) ",
        ),
        *begins,
        Said("至 ", "until "),
        one.ends_at,
        both(f" {why}" if why else ""),
    )


def cut(text: str, most: int) -> str:
    """Return a text that is short enough for a list."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


_STATES = {
    SilenceState.ACTIVE: Said("已静默", "Silenced"),
    SilenceState.REQUESTED: Said(
        "已提交,等待 Alertmanager 确认", "Asked for; Alertmanager has not confirmed yet"
    ),
    SilenceState.FAILED: Said("静默失败", "Not silenced"),
    SilenceState.EXPIRING: Said("正在解除", "Being ended"),
    SilenceState.EXPIRED: Said("已解除", "Ended"),
}


def silence_line(source: str, silence: Silence) -> Line:
    """Say where a silence stands, by what it is known, and when it ends."""
    state = _STATES.get(silence.state, both(str(silence.state)))
    problem = f": {silence.problem}" if silence.problem else ""
    return (
        state,
        both(f" {silence.id[:8]} ({source}) {matchers_of(silence)}{problem}"),
        Said(",至 ", ", until "),
        silence.ends_at,
    )


def awaits_line(asked: Request, incident: Incident, *, here: bool) -> Line:
    """Say who asks for what, that somebody else must approve it, until when, and where."""
    who = asked.silences[0].actor.label
    what = "; ".join(cut(matchers_of(one), MATCHERS_SHOWN) for one in asked.silences)
    card = f"{number(incident)} {cut(title_of(incident), MATCHERS_SHOWN)}"
    return (
        Said(
            f"{who} 请求静默 {what}({asked.muting} 条在告警),范围较大,须由另一人在卡片 {card} "
            f"({'本群' if here else '该卡片所在的群'})上批准,截至 ",
            f"{who} asks to silence {what} ({asked.muting} firing). It is broad: somebody else "
            f"must approve it on the card {card}, in {'this chat' if here else 'its own chat'}, "
            "until ",
        ),
        asked.until,
    )


def why_answer(now: Now, entries: Sequence[Entry]) -> Answer:
    """Tell where an incident stands and what it went through: as many lines as fit."""
    for most, width in WHY_LADDER:
        answer = _why(now, entries, most, width)
        if is_whole(answer):
            break
    return answer


def _why(now: Now, entries: Sequence[Entry], most: int, width: int) -> Answer:
    events = [Event(one.at, one.kind, one.detail, one.actor) for one in entries]
    lines = now_lines(now, events, STANDING_MOST)
    hidden = max(len(events) - most, 0)
    if hidden:
        lines.append((Said(f"更早的 {hidden} 条从略", f"{hidden} earlier lines are left out"),))
    lines += [event_line(one) for one in events[-most:]]
    return Answer(both(f"#{now.id} {now.title}"), tuple(_short(line, width) for line in lines))


def _short(line: Line, width: int) -> Line:
    return tuple(
        piece if isinstance(piece, int) else Said(*(cut(text, width) for text in piece))
        for piece in line
    )
