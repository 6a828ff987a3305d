"""Silences as the domain makes them, for tests."""

from receiver.domain.person import Actor
from receiver.domain.silence import HOUR, Silence, SilenceState

NOW = 1_795_000_000_000


def made(
    *,
    state: SilenceState = SilenceState.REQUESTED,
    matchers: tuple[tuple[str, str], ...] = (("alertname", "DiskFull"), ("node", "n1")),
    asked_at: int = NOW,
    silence_id: str = "",
    action: str = "act-1",
    comment: str = "正在扩容",
) -> Silence:
    """Return a silence of one hour that Li asked for."""
    return Silence(
        id=action,
        state=state,
        scope="group",
        matchers=matchers,
        actor=Actor(open_id="ou_li", name="李雷"),
        comment=comment,
        asked_at=asked_at,
        ends_at=asked_at + HOUR,
        silence_id=silence_id,
    )
