"""What an incident went through and where it stands, in plain words, for chats and terminals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from receiver.domain.card import Card
from receiver.domain.incident import Incident, Member, state
from receiver.domain.ownership import owners
from receiver.domain.silence import Silence
from receiver.domain.suppression import Outside, unmarked
from receiver.phrases import Said

# A text in both languages, or a time in Unix ms, which each reader sees in their own zone.
Piece = Said | int
Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the timeline; ``at`` in Unix ms."""

    at: int
    kind: str
    detail: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has it, and since when (Unix ms)."""

    who: str
    since: int


@dataclass(frozen=True, slots=True)
class Muting:
    """A silence: ``state`` as kept, or ``elsewhere`` and ``over`` for another tool's."""

    state: str
    who: str
    ends_at: int
    matchers: str = ""
    comment: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A card: where, what is wanted there, and what is shown (revisions of the incident)."""

    target: str
    state: str
    wanted: int
    shown: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Now:
    """Where an incident stands now; times in Unix ms, None where there is none."""

    id: int
    title: str
    state: str
    firing: int
    alerts: int
    opened_at: int
    closed_at: int | None = None
    stale_since: int = 0
    owners: tuple[Owner, ...] = ()
    silences: tuple[Muting, ...] = ()
    cards: tuple[Shown, ...] = ()


_STATES = {
    "firing": Said("正在告警", "firing"),
    "acknowledged": Said("已认领", "acknowledged"),
    "suppressed": Said("已静默或被抑制", "muted"),
    "resolved": Said("已恢复", "resolved"),
    "note": Said("消息", "a message"),
}
_MUTINGS = {
    "requested": Said("已提交", "asked for"),
    "active": Said("生效中", "holds"),
    "extending": Said("生效中,正在延长", "holds, is being extended"),
    "expiring": Said("正在解除", "is being ended"),
    "expired": Said("已结束", "over"),
    "failed": Said("失败", "failed"),
    "elsewhere": Said("生效中,在别处创建", "holds, made elsewhere"),
    "over": Said("已结束,在别处创建", "over, made elsewhere"),
}
# The reasons of bodies, cards, calls and the truth mean the same wherever they stand.
_REASONS = {
    "first": Said("首次告警", "it began to fire"),
    "late": Said("告警结束后才发出", "shown only after its end"),
    "reopened": Said("再次告警", "it fires again"),
    "severity_raised": Said("级别升高", "the severity rose"),
    "new_alerts": Said("新增告警", "new alerts"),
    "some_resolved": Said("部分恢复", "some resolved"),
    "all_resolved": Said("全部恢复", "all resolved"),
    "truncated": Said("内容被截断", "the message was cut off"),
    "updated": Said("内容有变化", "something changed"),
    "repeat": Said("Alertmanager 重复通知", "Alertmanager repeated itself"),
    "duplicate": Said("重复的消息", "the same message again"),
    "unknown_resolved": Said("恢复了未知的告警", "the end of what nobody knew"),
    "message": Said("收到消息", "a message came"),
    "superseded": Said("路由变更,由另一事件接替", "its route changed: another incident holds it"),
    "gone": Said("来源不再报告", "no longer reported"),
    "refired": Said("来源又报告为告警", "reported as firing again"),
    "completed": Said("补全了缺失的告警", "what the message left out was completed"),
    "silence_ended": Said("静默结束,仍在告警", "a silence ended while it fires"),
    "unsuppressed": Said("不再被静默或抑制", "not muted any more"),
    "suppressed": Said("被别处静默", "muted elsewhere"),
    "inhibited": Said("被其他告警抑制", "inhibited by another alert"),
    "silence_changed": Said("静默在别处有变化", "a silence was changed elsewhere"),
    "stale": Said("无法查询来源", "the source cannot be asked"),
    "fresh": Said("来源恢复可查询", "the source answers again"),
    "same": Said("没有变化", "nothing changed"),
    "approval": Said("等待批准或已答复", "an approval was asked for, or answered"),
    "handled": Said("标记为已处理", "marked as handled"),
    "silenced": Said("已静默", "silenced"),
    "unsilenced": Said("静默已结束", "not silenced any more"),
    "silence_failed": Said("静默失败", "a silence failed"),
    "lapsed": Said("认领已失效", "the acknowledgement lapsed"),
    "handed_over": Said("已转交", "handed over"),
    "escalated": Said("已升级", "escalated"),
    "reminded": Said("提醒负责人", "the owners were reminded"),
    "acknowledged": Said("已认领", "acknowledged"),
    "unacknowledged": Said("取消认领", "no longer acknowledged"),
    "confirmed": Said("确认仍在处理", "an owner is still on it"),
    "noted": Said("添加备注", "a note"),
    "joined": Said("新增告警,由负责人跟进", "new alerts, which the owners take in"),
    "settled_again": Said("结果未知,重新编辑", "edited again, as the outcome was unknown"),
    "flapping": Said("反复告警", "it flaps"),
    "digest": Said("汇总为一张卡片", "gathered in a digest"),
    "digest_closed": Said("汇总结束", "the digest is over"),
    "moved": Said("改发到备用目标", "its fallback took over"),
    "replaced": Said("换为新的消息", "a new message took its place"),
    "unchanged": Said("没有变化", "nothing to show"),
    "no_edit": Said("该渠道不能编辑", "the channel cannot edit"),
    "never_shown": Said("从未显示", "never shown"),
}
_KINDS = {
    "acknowledge": Said("认领", "acknowledged"),
    "unacknowledge": Said("取消认领", "took the acknowledgement back"),
    "confirm": Said("确认仍在处理", "still on it"),
    "hand_over": Said("转交给", "handed over to"),
    "note": Said("备注", "note"),
    "resolve": Said("标记为已处理", "marked as handled"),
    "escalate": Said("立即升级", "escalated at once"),
    "click": Said("操作未改变任何内容", "a click that changed nothing"),
    "refused": Said("无权限,已拒绝", "refused by the policy"),
    "silence": Said("静默", "silence"),
    "unsilence": Said("解除静默", "unsilence"),
    "preview": Said("预览静默", "looked at a silence"),
    "confirm_silence": Said("确认静默", "confirmed a silence"),
    "cancel": Said("取消静默预览", "left a silence"),
    "extend": Said("延长静默", "extended a silence"),
    "resilence": Said("再次静默", "silenced again"),
    "approve": Said("批准", "approved"),
    "decline": Said("拒绝", "declined"),
    "approval_requested": Said("请求批准静默", "asked a second person for a silence"),
    "approved": Said("批准了静默", "approved a silence"),
    "declined": Said("拒绝了静默", "declined a silence"),
    "withdrawn": Said("撤回了静默请求", "took the request for a silence back"),
    "approval_lapsed": Said("静默请求已过期", "nobody approved the silence in time"),
    "silence_requested": Said("提交静默", "asked for a silence"),
    "silence_previewed": Said("预览静默", "looked at a silence"),
    "silence_cancelled": Said("取消静默预览", "left a silence"),
    "silence_extend_requested": Said("延长静默", "asked for a later end of a silence"),
    "silence_active": Said("静默生效", "the silence holds"),
    "silence_extending": Said("正在延长静默", "the silence is being extended"),
    "silence_extended": Said("静默已延长", "the silence was extended"),
    "silence_unextended": Said("静默未能延长", "the silence could not be extended"),
    "silence_expiring": Said("正在解除静默", "the silence is being ended"),
    "silence_expired": Said("静默结束", "the silence is over"),
    "silence_released": Said("静默的告警已恢复,解除静默", "what the silence muted is over"),
    "silence_failed": Said("静默失败", "the silence failed"),
    "unsilence_requested": Said("解除静默", "asked for the end of a silence"),
    "acknowledgement_lapsed": Said("认领已失效", "the acknowledgement lapsed"),
    "reminded": Said("提醒负责人", "reminded the owner"),
    "possible_duplicate": Said("可能有重复的卡片", "a second card may exist"),
    "dead_lettered": Said("卡片无法送达", "a card cannot be delivered"),
    "replayed": Said("重新发送", "sent again"),
    "digested": Said("由汇总卡片显示", "shown by a digest"),
    "started": Said("服务启动", "the receiver started"),
    "config_reload": Said("重新加载配置", "the configuration was read again"),
}
_AREAS = {
    "card_": Said("卡片", "card"),
    "called_": Said("回复提醒", "a reply called people"),
    "truth_": Said("与 Alertmanager 核对", "compared with Alertmanager"),
}
_WAYS = {
    "mention": Said("提及", "by a mention"),
    "app": Said("应用内加急", "by an urgent notice"),
    "sms": Said("短信加急", "by SMS"),
    "phone": Said("电话加急", "by phone"),
}
_FATES = {
    "": Said("", ""),
    "under_way": Said(",进行中", ": under way"),
    "done": Said(",已送达", ": done"),
    "failed": Said(",失败", ": failed"),
    "unknown": Said(",结果未知", ": outcome unknown"),
}
_ESCALATION = "escalation_"


def title_of(incident: Incident) -> str:
    """Return what an incident is called."""
    labels = incident.group_labels
    named = incident.title or labels.get("alertname", "")
    return named or ", ".join(f"{name}={value}" for name, value in labels.items()) or "?"


def now_of(incident: Incident, members: Sequence[Member], cards: Iterable[Card]) -> Now:
    """Return where an incident stands, from what is kept of it."""
    return Now(
        id=incident.id,
        title=title_of(incident),
        state=str(state(incident, members)),
        firing=sum(member.firing for member in members),
        alerts=len(members),
        opened_at=incident.opened_at,
        closed_at=incident.closed_at,
        stale_since=incident.stale_since,
        owners=tuple(Owner(one.actor.label, one.at) for one in owners(incident)),
        silences=(*map(_own, incident.silences), *map(_outside, incident.outside)),
        cards=tuple(
            Shown(one.target, str(one.state), one.wanted, one.shown, one.problem) for one in cards
        ),
    )


def _own(silence: Silence) -> Muting:
    return Muting(
        str(silence.state),
        silence.actor.label,
        silence.ends_at,
        ", ".join(f"{name}={value}" for name, value in silence.matchers),
        silence.comment,
        silence.problem,
    )


def _outside(silence: Outside) -> Muting:
    return Muting(
        "over" if silence.over else "elsewhere",
        silence.created_by,
        silence.ends_at,
        ", ".join("".join(matcher) for matcher in silence.matchers),
        unmarked(silence.comment),
    )


def words(kind: str) -> Said:
    """Return what a kind of line means; one that nobody knows is shown as it is."""
    plain = _KINDS.get(kind) or _REASONS.get(kind)
    if plain is not None:
        return plain
    for prefix, area in _AREAS.items():
        if kind.startswith(prefix):
            why = words(kind.removeprefix(prefix))
            return Said(f"{area.zh_cn}:{why.zh_cn}", f"{area.en_us}: {why.en_us}")
    if kind.startswith(_ESCALATION):
        return _escalation(kind.removeprefix(_ESCALATION))
    text = kind.replace("_", " ")
    return Said(text, text)


def _escalation(what: str) -> Said:
    via, _, fate = what.partition("_")
    text = fate.replace("_", " ")
    way = _WAYS.get(via, Said(via, via))
    end = _FATES.get(fate, Said(f",{text}", f": {text}"))
    return Said(f"升级,{way.zh_cn}{end.zh_cn}", f"escalation {way.en_us}{end.en_us}")


def event_line(event: Event) -> Line:
    """Return one line of the timeline: when, what, about what, by whom."""
    detail = f" ({event.detail})" if event.detail else ""
    said = words(event.kind)
    who_zh, who_en = (f",{event.actor}", f", {event.actor}") if event.actor else ("", "")
    return (event.at, Said(f" {said.zh_cn}{detail}{who_zh}", f" {said.en_us}{detail}{who_en}"))


def now_lines(now: Now, events: Sequence[Event], most: int = 5) -> list[Line]:
    """Return where an incident stands: its state, owners, silences, and cards, ``most`` of each."""
    lines: list[Line] = [_state(now)]
    if now.stale_since:
        lines.append(
            (Said("无法查询来源,自 ", "The source cannot be asked since "), now.stale_since)
        )
    lines += _few([_owner(one) for one in now.owners], most)
    lines += _few([_muting(one) for one in now.silences], most)
    lines += _few([_card(one, events) for one in now.cards], most)
    return lines


def _few(lines: list[Line], most: int) -> list[Line]:
    left = len(lines) - most
    return lines if left <= 0 else [*lines[:most], (Said(f"另有 {left} 项", f"{left} more"),)]


def _state(now: Now) -> Line:
    if now.closed_at is not None:
        return (
            Said("已结束,起止:", "Over: it began at "),
            now.opened_at,
            Said(" 至 ", ", and ended at "),
            now.closed_at,
        )
    state = _STATES.get(now.state, Said(now.state, now.state))
    return (
        Said(
            f"{state.zh_cn}:{now.alerts} 条告警中 {now.firing} 条在告警,自 ",
            f"Now {state.en_us}: {now.firing} of {now.alerts} alerts fire, since ",
        ),
        now.opened_at,
    )


def _owner(owner: Owner) -> Line:
    return (Said(f"负责人:{owner.who},自 ", f"Owner: {owner.who}, since "), owner.since)


def _muting(silence: Muting) -> Line:
    state = _MUTINGS.get(silence.state, Said(silence.state, silence.state))
    rest = "".join(
        f" {part}"
        for part in (silence.matchers, silence.problem, silence.comment and f'"{silence.comment}"')
        if part
    )
    return (
        Said(
            f"静默({state.zh_cn}):{silence.who},至 ",
            f"Silence ({state.en_us}) of {silence.who or '?'}, until ",
        ),
        silence.ends_at,
        Said(rest, rest),
    )


def _card(card: Shown, events: Iterable[Event]) -> Line:
    """Say where a card stands, and what it last did, as the timeline tells it."""
    if card.state == "dead":
        stands = Said("无法送达", "cannot be delivered")
    elif card.state == "moved":
        stands = Said("已改发到备用目标", "its fallback took over")
    elif card.shown >= card.wanted:
        stands = Said("已是最新", "up to date")
    elif card.shown:
        stands = Said("有更新待显示", "shown, and a change waits")
    else:
        stands = Said("尚未显示", "not shown yet")
    problem = f" ({card.problem})" if card.problem else ""
    head = Said(
        f"卡片 {card.target}:{stands.zh_cn}{problem}",
        f"Card {card.target}: {stands.en_us}{problem}",
    )
    last = [one for one in events if _is_about(one, card.target)]
    if not last:
        return (head,)
    did = words(last[-1].kind)
    return (head, Said(f",最近:{did.zh_cn},", f"; last: {did.en_us}, "), last[-1].at)


def _is_about(event: Event, target: str) -> bool:
    return event.detail == target or event.detail.startswith(f"{target}: ")
