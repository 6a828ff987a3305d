"""What a clicker is told at once, in both languages."""

from receiver.callback.toast import Toast
from receiver.domain.action import ActionKind, Verdict
from receiver.domain.incident import Incident, Kind
from receiver.domain.ownership import owners
from receiver.domain.reason import ActionReason
from receiver.domain.silence import Silence, SilenceState

NAMES_MOST = 3
_DONE: dict[ActionKind, Toast] = {
    ActionKind.ACKNOWLEDGE: Toast("success", "已认领", "Acknowledged"),
    ActionKind.UNACKNOWLEDGE: Toast("success", "已取消认领", "No longer acknowledged"),
    ActionKind.CONFIRM: Toast("success", "已确认仍在处理", "Confirmed: you are still on it"),
    ActionKind.NOTE: Toast("success", "已添加备注", "Noted"),
    ActionKind.SILENCE: Toast("success", "已静默", "Silenced"),
    ActionKind.CONFIRM_SILENCE: Toast("success", "已静默", "Silenced"),
    ActionKind.RESILENCE: Toast("success", "已静默", "Silenced"),
    ActionKind.UNSILENCE: Toast("success", "已解除静默", "Silence ended"),
    ActionKind.APPROVE: Toast("success", "已批准", "Approved"),
    ActionKind.DECLINE: Toast("success", "已拒绝,不会静默", "Declined: nothing is silenced"),
    ActionKind.RESOLVE: Toast("success", "已标记为已解决", "Resolved"),
    ActionKind.PREVIEW: Toast("info", "请核对卡片上的预览", "Look at the preview in the card"),
    ActionKind.CANCEL: Toast("info", "已取消,没有静默", "Cancelled: nothing is silenced"),
    ActionKind.EXTEND: Toast("success", "静默已延长", "Silence extended"),
    ActionKind.ESCALATE: Toast(
        "success", "正在升级,卡片将显示结果", "Escalating; the card will show the outcome"
    ),
}
_SILENCE_REQUESTED = Toast(
    "info", "已请求静默,卡片将显示结果", "Silence requested; the card will show the outcome"
)
_REQUESTED: dict[ActionKind, Toast] = {
    ActionKind.APPROVE: Toast(
        "info",
        "已批准,正在创建静默,卡片将显示结果",
        "Approved: the silence is being made; the card will show the outcome",
    ),
    ActionKind.SILENCE: _SILENCE_REQUESTED,
    ActionKind.CONFIRM_SILENCE: _SILENCE_REQUESTED,
    ActionKind.RESILENCE: _SILENCE_REQUESTED,
    ActionKind.EXTEND: Toast(
        "info",
        "已请求延长静默,卡片将显示结果",
        "Extension requested; the card will show the outcome",
    ),
    ActionKind.UNSILENCE: Toast(
        "info",
        "已请求解除静默,卡片将显示结果",
        "End of silence requested; the card will show the outcome",
    ),
}
_REASONS: dict[ActionReason, Toast] = {
    ActionReason.REPEATED: Toast("info", "该操作已处理过", "This click was handled already"),
    ActionReason.ENOUGH_OWNERS: Toast(
        "info", "认领的人已足够多", "Enough people have acknowledged it"
    ),
    ActionReason.NOTHING_TO_ESCALATE: Toast(
        "info", "没有下一级可升级", "There is no further step to take"
    ),
    ActionReason.ESCALATING: Toast("info", "正在升级中", "A step is being taken already"),
    ActionReason.NOT_ACKNOWLEDGED: Toast("info", "当前无人认领", "Nobody has acknowledged it"),
    ActionReason.ALREADY_SILENCED: Toast(
        "info",
        "已有相同范围的静默;可在“更多”中延长,或先解除",
        "Silenced already: extend it under More, or unsilence first",
    ),
    ActionReason.NOT_SILENCED: Toast("info", "当前没有静默", "Nothing is silenced here"),
    ActionReason.NOTHING_TO_SILENCE: Toast(
        "warning", "没有可静默的告警", "There is nothing here that could be silenced"
    ),
    ActionReason.RESOLVED_ALREADY: Toast(
        "info", "告警已恢复,无需操作", "Resolved already: nothing to do"
    ),
    ActionReason.STILL_FIRING: Toast(
        "warning",
        "已标记为已处理,但来源仍在告警",
        "Marked as handled, but the source still reports it",
    ),
    ActionReason.OLD_CARD: Toast(
        "warning",
        "此卡片已被新卡片取代,请在下方新卡片上操作",
        "A newer card of this incident is in this chat: use that one",
    ),
    ActionReason.UNKNOWN_CARD: Toast(
        "error", "找不到此卡片对应的告警", "The incident of this card is not known here any more"
    ),
    ActionReason.NOTHING_WRITTEN: Toast("error", "备注是空的", "There is nothing in this note"),
    ActionReason.NOBODY_CHOSEN: Toast(
        "error", "请先选择要转交给谁", "Choose first who shall take it over"
    ),
    ActionReason.UNKNOWN_CHOICE: Toast("error", "无法识别的选项", "This choice is not understood"),
    ActionReason.CHANGED: Toast(
        "warning",
        "告警已变化,请核对后再静默",
        "The alerts changed meanwhile: look again, then silence",
    ),
    ActionReason.PREVIEWED: Toast(
        "info", "请核对卡片上的预览,再确认静默", "Look at the preview in the card, then confirm"
    ),
    ActionReason.PREVIEW_OVER: Toast(
        "warning", "预览已失效,请重新填写", "This preview is over: fill in the form again"
    ),
    ActionReason.TOO_LONG: Toast(
        "warning", "超过允许的最长静默时间", "Longer than a silence may last here"
    ),
    ActionReason.IN_THE_PAST: Toast(
        "warning", "结束时间已过或过近", "That end is past, or less than a minute away"
    ),
    ActionReason.ALREADY_KEPT: Toast(
        "info", "该静默会持续到恢复,无需延长", "It lasts until resolved: nothing to extend"
    ),
    ActionReason.AWAITS_APPROVAL: Toast(
        "info",
        "静默范围较大,需另一人在 15 分钟内在卡片上批准",
        "So broad a silence needs a second person: somebody may approve it here for 15 minutes",
    ),
    ActionReason.ALREADY_ASKED: Toast(
        "warning",
        "已有一个静默等待批准,请先处理",
        "Another silence awaits approval: somebody must answer that first",
    ),
    ActionReason.NOTHING_ASKED: Toast(
        "info", "该请求已被处理或已过期", "Nothing awaits approval here any more"
    ),
    ActionReason.OWN_REQUEST: Toast(
        "error",
        "不能批准自己的请求,需另一人批准",
        "Nobody approves their own request: ask a colleague",
    ),
    # Without the ruling, whose words are more exact.
    ActionReason.NOT_PERMITTED: Toast("error", "没有权限", "Not permitted by the policy"),
    ActionReason.UNKNOWN_PERSON: Toast(
        "warning",
        "尚未查到相关用户,请一分钟后再试",
        "It is not known yet who may: try again in a minute",
    ),
    ActionReason.TOO_WIDE: Toast(
        "error", "静默范围超出权限", "No rule permits you to silence this much"
    ),
}
# The same reasons, where the card is a storm's.
_DIGEST: dict[ActionReason, Toast] = {
    ActionReason.ALREADY_ACKNOWLEDGED: Toast(
        "info",
        "这些事件都已恢复或已认领",
        "All of these incidents are over or acknowledged already",
    ),
    ActionReason.NOTHING_TO_SILENCE: Toast(
        "warning",
        "这些告警已没有共同的标签可供静默",
        "These alerts share no labels by which one Alertmanager could silence them",
    ),
    ActionReason.RESOLVED_ALREADY: Toast(
        "info",
        "告警风暴已结束,仍在告警的事件有单独的卡片",
        "The storm is over: what still fires has a card of its own",
    ),
}
UNDERSTOOD_NOTHING = Toast("error", "无法识别的操作", "This click is not understood")
NOT_KEPT = Toast(
    "error",
    "暂时无法确认操作是否已保存,请查看卡片后再试",
    "It is not certain that the click was stored: look at the card, then try again",
)


def of_owners(verdict: Verdict, incident: Incident) -> Toast | None:
    """Say of a click about ownership whom else it is about."""
    having = owners(incident)
    lead = having[0].actor.label if having else ""
    match verdict.reason:
        case ActionReason.ALREADY_ACKNOWLEDGED:
            return Toast("info", "你已认领", "You have acknowledged it already")
        case ActionReason.JOINED:
            who = ", ".join(owner.actor.label for owner in having[:-1][:NAMES_MOST])
            return Toast("success", f"已与 {who} 一起认领", f"Acknowledged, together with {who}")
        case ActionReason.NOT_YOURS:
            return Toast(
                "warning",
                f"由 {lead} 认领,只能由本人取消;你可以一起认领",
                f"{lead} has it, and alone can give it back; you can acknowledge it too",
            )
        case ActionReason.LEADS_ALREADY:
            return Toast("info", f"已由 {lead} 负责", f"{lead} leads it already")
        case _:
            return None


def handed_over(incident: Incident) -> Toast:
    """Say who leads now."""
    who = "" if incident.ack is None else incident.ack.actor.label
    return Toast("success", f"已转交给 {who}", f"Handed over to {who}")


def acknowledged_all(verdict: Verdict) -> Toast:
    """Say how many incidents of a digest somebody owns now, and how many needed no owner."""
    zh, en = f"已认领 {verdict.done} 个事件", f"Acknowledged {verdict.done}"
    if verdict.refused:
        zh, en = f"{zh},{verdict.refused} 个没有权限", f"{en}; {verdict.refused} not permitted"
    if not verdict.left:
        return Toast("success", zh, en)
    return Toast(
        "success",
        f"{zh},另有 {verdict.left} 个此前已恢复或已认领",
        f"{en}; {verdict.left} were over or acknowledged already",
    )


def silence_toast(kind: ActionKind, silence: Silence) -> Toast | None:
    """Say what became of a silence, where that is known already."""
    if kind is ActionKind.EXTEND and silence.state is SilenceState.ACTIVE:
        return _extended(silence)
    match silence.state:
        case SilenceState.ACTIVE if silence.problem:
            return Toast(
                "error", f"解除静默失败:{silence.problem}", f"Still silenced: {silence.problem}"
            )
        case SilenceState.ACTIVE:
            return _DONE[ActionKind.SILENCE]
        case SilenceState.EXPIRED:
            return _DONE[ActionKind.UNSILENCE]
        case SilenceState.FAILED:
            return Toast("error", f"静默失败:{silence.problem}", f"Not silenced: {silence.problem}")
        case _:
            return None


def _extended(silence: Silence) -> Toast:
    if silence.unextended:
        return Toast("error", f"延长失败:{silence.problem}", f"Not extended: {silence.problem}")
    return _DONE[ActionKind.EXTEND]


def toast_for(kind: ActionKind, verdict: Verdict, incident: Incident | None) -> Toast:
    """Choose what the clicker is told of a verdict."""
    if incident is not None and incident.kind is Kind.DIGEST:
        told = _of_digest(kind, verdict)
        if told is not None:
            return told
    owning = None if incident is None else of_owners(verdict, incident)
    if owning is not None:
        return owning
    if verdict.reason is ActionReason.DONE and kind is ActionKind.HAND_OVER and incident:
        return handed_over(incident)
    if verdict.reason is ActionReason.DONE:
        return _DONE[kind]
    if verdict.reason is ActionReason.REQUESTED:
        return _REQUESTED[kind]
    return _REASONS.get(verdict.reason, UNDERSTOOD_NOTHING)


def _of_digest(kind: ActionKind, verdict: Verdict) -> Toast | None:
    if kind is ActionKind.ACKNOWLEDGE and verdict.reason is ActionReason.DONE:
        return acknowledged_all(verdict)
    return _DIGEST.get(verdict.reason)


_OUTCOMES = {
    ActionReason.AWAITS_APPROVAL: "requested",
    ActionReason.NOTHING_ASKED: "late",
    ActionReason.DONE: "done",
    ActionReason.STILL_FIRING: "done",
    ActionReason.JOINED: "done",
    ActionReason.PREVIEWED: "done",
    ActionReason.REQUESTED: "requested",
    ActionReason.REPEATED: "repeated",
    ActionReason.RESOLVED_ALREADY: "late",
    ActionReason.OLD_CARD: "late",
}


def outcome_of(reason: ActionReason) -> str:
    """Return the metric label of what became of a click."""
    return _OUTCOMES.get(reason, "refused")
