"""Rate limits over sliding windows of arrival time.

A rule of N in a span admits a call only if fewer than N admitted calls arrived in the span that
ends with it, so no window of that length, wherever it starts, ever holds more than N.

Whether the platform counts the calls that it refuses is not documented. Here they do not count,
unless the knob `refused_calls_count` says so; a caller who keeps knocking is then kept out.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

# Idle windows (one for each message that was ever patched, say) are dropped past this many.
PRUNE_ABOVE = 20_000


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `limit` calls in any `span_ms` milliseconds."""

    limit: int
    span_ms: int


# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN (tier 4: all IM endpoints)
APP_RULES = (Rule(50, 1_000), Rule(1_000, 60_000))
# https://open.feishu.cn/document/server-docs/im-v1/message/create ("5 QPS" per chat and user)
CHAT_RULES = (Rule(5, 1_000),)
# https://open.feishu.cn/document/server-docs/im-v1/message-card/patch ("5 QPS" per message)
MESSAGE_RULES = (Rule(5, 1_000),)
# https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
HOOK_RULES = (Rule(5, 1_000), Rule(100, 60_000))


@dataclass(slots=True)
class Window:
    """The arrivals that still matter to one rule: never more than its limit."""

    rule: Rule
    arrivals: deque[int] = field(init=False)

    def __post_init__(self) -> None:
        self.arrivals = deque(maxlen=self.rule.limit)

    def wait_ms(self, now: int) -> int:
        """Return how long a call that arrives `now` would have to wait; 0 admits it."""
        if len(self.arrivals) < self.rule.limit:
            return 0
        return max(0, self.arrivals[0] + self.rule.span_ms - now)

    def record(self, now: int) -> None:
        """Count a call that arrives `now` (Unix milliseconds)."""
        self.arrivals.append(now)

    def idle(self, now: int) -> bool:
        """Tell whether forgetting this window changes nothing."""
        return not self.arrivals or self.arrivals[-1] + self.rule.span_ms <= now


class Limits:
    """All windows of a tenant, each known by its scope."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, ...], tuple[Window, ...]] = {}

    def admit(
        self,
        scope: tuple[str, ...],
        rules: Iterable[Rule],
        now: int,
        *,
        count_refused: bool = False,
    ) -> int:
        """Count a call that arrives `now`, or return the milliseconds it came too early."""
        windows = self._windows.get(scope)
        if windows is None:
            self._prune(now)
            windows = self._windows[scope] = tuple(Window(rule) for rule in rules)
        wait = max(window.wait_ms(now) for window in windows)
        if not wait or count_refused:
            for window in windows:
                window.record(now)
        return wait

    def _prune(self, now: int) -> None:
        if len(self._windows) > PRUNE_ABOVE:
            self._windows = {
                scope: windows
                for scope, windows in self._windows.items()
                if not all(window.idle(now) for window in windows)
            }
