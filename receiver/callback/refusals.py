"""What a clicker is told when the policy refuses: what is missing, and who may."""

from collections.abc import Callable

from receiver.callback.toast import Toast
from receiver.domain.policy import CHAT, EVERYBODY, ON_CALL
from receiver.domain.ruling import PolicyReason, Ruling

NAMED_MOST = 3
NAME_LIMIT = 40
NameOf = Callable[[str], str]


def refusal_toast(ruling: Ruling, name_of: NameOf) -> Toast:
    """Word a refusal; ``name_of`` returns what a person is called, or an empty text."""
    match ruling.reason:
        case PolicyReason.UNKNOWN_PERSON:
            whose = ", ".join(ruling.who[:NAMED_MOST])
            return Toast(
                "warning",
                f"尚未查到 {whose} 对应的用户,请一分钟后再试",
                f"It is not known yet who {whose} is: try again in a minute",
            )
        case PolicyReason.TOO_WIDE:
            labels = ", ".join(ruling.missing)
            if not labels:
                return Toast(
                    "error", "静默范围超出权限", "No rule permits you to silence this much"
                )
            return Toast(
                "error",
                f"静默范围超出权限:必须包含标签 {labels}",
                f"You may only silence what names {labels}: choose a narrower scope",
            )
        case PolicyReason.OWN_REQUEST:
            return Toast(
                "error",
                "不能批准自己的请求,需另一人批准",
                "Nobody approves their own request: ask a colleague",
            )
        case PolicyReason.TOO_LONG:
            return Toast(
                "error",
                f"最多可静默 {_span(ruling.longest)},请选更短的时间",
                f"You may silence for {_span(ruling.longest)} at most: choose a shorter time",
            )
        case _:
            return _not_permitted(ruling, name_of)


def _not_permitted(ruling: Ruling, name_of: NameOf) -> Toast:
    zh, en = "没有权限", "Not permitted by the policy"
    if not ruling.who:
        return Toast("error", f"{zh}:任何人都不允许", f"{en}: nobody may")
    shown = [_said(entry, name_of) for entry in ruling.who[:NAMED_MOST]]
    more = len(ruling.who) - len(shown)
    chinese, english = (", ".join(each) for each in zip(*shown, strict=True))
    return Toast(
        "error",
        f"{zh},可操作的有:{chinese}{f' 等另外 {more} 项' if more else ''}",
        f"{en}. Who may: {english}{f' and {more} more' if more else ''}",
    )


def _said(entry: str, name_of: NameOf) -> tuple[str, str]:
    """Return an entry of a rule as people read it, in both languages."""
    if entry == EVERYBODY:
        return "所有人", "everybody"
    if entry.startswith(CHAT):
        return "指定群内的成员", "members of another chat"
    if entry.startswith(ON_CALL):
        who = entry.removeprefix(ON_CALL)
        return f"{who} 的值班人", f"who is on call for {who}"
    name = (name_of(entry) or entry)[:NAME_LIMIT]
    return name, name


def _span(ms: int) -> str:
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0m"
