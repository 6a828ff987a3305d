"""The words that commands are answered with, in both languages."""

from collections.abc import Iterable, Sequence

from receiver.callback.toast import Toast
from receiver.channels.feishu.answer_card import Answer, Line
from receiver.domain.command import NAMES, CommandKind, Mistake, Problem
from receiver.domain.incident import Incident
from receiver.domain.silence import Silence, SilenceState
from receiver.phrases import Said
from receiver.store.base import Entry, Snapshot

SHOWN_MOST = 15

_FORMS: dict[CommandKind, Said] = {
    CommandKind.ALERTS: Said('告警 [severity="critical"]', 'alerts [severity="critical"]'),
    CommandKind.SILENCES: Said("静默列表", "silences"),
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
    CommandKind.SILENCES: Said("在此创建、仍有效的静默", "the silences made here that hold"),
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
        "静默只接受 标签=值,值不能为空", "A silence takes label=value alone, with a value"
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


def title_of(incident: Incident) -> str:
    """Return what an incident is called."""
    labels = incident.group_labels
    named = incident.title or labels.get("alertname", "")
    return named or ", ".join(f"{name}={value}" for name, value in labels.items()) or "?"


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


def silences_answer(found: Sequence[tuple[str, Silence]], more: int) -> Answer:
    """List silences with their ids, the first to end first."""
    lines: list[Line] = [
        (
            both(f"{silence.id[:8]} {matchers_of(silence)} "),
            Said(
                f"({source},{silence.actor.label})至 ", f"({source}, {silence.actor.label}) until "
            ),
            silence.ends_at,
            both(f" {silence.comment}" if silence.comment else ""),
        )
        for source, silence in found[:SHOWN_MOST]
    ]
    left = max(len(found) - SHOWN_MOST, 0) + more
    if left:
        lines.append((Said(f"另有 {left} 个", f"{left} more"),))
    title = Said(f"在此创建的静默:{len(found)}", f"Silences made here: {len(found)}")
    return Answer(title, tuple(lines))


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


def why_answer(snapshot: Snapshot, entries: Sequence[Entry]) -> Answer:
    """Tell what an incident went through, the newest last."""
    incident = snapshot.incident
    firing = sum(1 for member in snapshot.members if member.firing)
    over = incident.closed_at is not None
    state = Said("已结束", "it is over") if over else Said(f"{firing} 条在告警", f"{firing} firing")
    lines: list[Line] = [(state,)]
    hidden = max(len(entries) - SHOWN_MOST, 0)
    if hidden:
        lines.append((Said(f"更早的 {hidden} 条从略", f"{hidden} earlier lines are left out"),))
    for entry in entries[-SHOWN_MOST:]:
        words = " ".join(filter(None, (entry.kind, entry.detail, entry.actor)))
        lines.append((entry.at, both(f" {words}")))
    return Answer(both(f"{number(incident)} {title_of(incident)}"), tuple(lines))
