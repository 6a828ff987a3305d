"""What delivery is up against: storms, circuits, limits; and whether its accounts balance."""

from __future__ import annotations

from dashboards.expressions import counted, critical, gauge, selector, warning
from dashboards.grafana import GREEN, Panel, Query, Row, Step

QUOTA_USED = (
    f"max by (tenant) ({selector('receiver_delivery_quota_calls')})"
    f" / (max by (tenant) ({selector('receiver_delivery_quota_limit')}) > 0)"
)
UNBALANCED = (
    f"abs(max by (instance) ({selector('receiver_store_units_accepted')})"
    f" - on (instance) sum by (instance) ({selector('receiver_store_units')}))"
)
STORMS = Row(
    title="Storms, circuits and fallbacks",
    panels=(
        Panel(
            title="Open circuits",
            description="Targets and channels that fail for a reason of their own, and are probed.",
            unit="short",
            queries=gauge("receiver_delivery_circuits", "channel, reason"),
            stacked=True,
            steps=warning(1),
            runbook="ReceiverCircuitOpen",
        ),
        Panel(
            title="Longest wait of a critical card",
            description="10 s is the promise.",
            unit="s",
            queries=gauge("receiver_cards_oldest_critical_waiting_age_seconds", "channel", "max"),
            steps=critical(120),
            runbook="ReceiverCriticalWaiting",
        ),
        Panel(
            title="Moved to a fallback",
            description="Cards that their target refused for good and a fallback took over.",
            unit="ops",
            queries=counted("receiver_delivery_moved_total", "channel"),
            runbook="ReceiverCardsMoved",
        ),
        Panel(
            title="Targets in a storm",
            description="Targets whose lesser incidents are gathered in a digest now.",
            unit="short",
            queries=gauge("receiver_delivery_storms", "instance"),
            width=12,
            runbook="ReceiverStormLong",
        ),
        Panel(
            title="Gathered in digests",
            description="Incidents that a digest shows in place of a card of their own.",
            unit="ops",
            queries=counted("receiver_delivery_digested_total", "instance"),
            width=12,
            runbook="ReceiverStormLong",
        ),
    ),
)

LIMITS = Row(
    title="Limits, quotas and tokens",
    panels=(
        Panel(
            title="Waits for limits",
            description="Calls held back so that the platform never has to refuse one.",
            unit="ops",
            queries=counted("receiver_limit_waits_total", "channel", "limit"),
            stacked=True,
        ),
        Panel(
            title="Quota used",
            description="Of a tenant's calls of this month; from 70 % on lesser cards wait.",
            unit="percentunit",
            queries=(Query(expr=QUOTA_USED, legend="{{tenant}}"),),
            steps=(GREEN, Step(value=0.7, color="orange"), Step(value=0.9, color="red")),
            runbook="ReceiverQuotaLow",
        ),
        Panel(
            title="Calls of this month",
            description="Calls of a tenant's apps since the first of the month, Beijing time.",
            unit="short",
            queries=gauge("receiver_delivery_quota_calls", "tenant", "max"),
        ),
        Panel(
            title="Access token: time left",
            description="A token in use is replaced when less than 25 minutes are left.",
            unit="s",
            queries=(
                Query(
                    expr=(
                        "min by (app) ("
                        f"{selector('receiver_token_expiry_timestamp_seconds')} > 0) - time()"
                    ),
                    legend="{{app}}",
                ),
            ),
            runbook="ReceiverTokenExpiring",
        ),
        Panel(
            title="Token refreshes",
            description="Access tokens fetched from the platform.",
            unit="ops",
            queries=counted("receiver_token_refreshes_total", "app", "outcome"),
            runbook="ReceiverTokenRefreshFailing",
        ),
        Panel(
            title="Clock skew",
            description="How far the platform's clock and ours are apart, either way.",
            unit="s",
            queries=(
                Query(
                    expr=(
                        f"max by (channel) (abs({selector('receiver_channel_clock_skew_seconds')}))"
                    ),
                    legend="{{channel}}",
                ),
            ),
            steps=warning(60),
            runbook="ReceiverClockSkewed",
        ),
    ),
)

ACCOUNTS = Row(
    title="Accounts",
    panels=(
        Panel(
            title="Units by state",
            description="A unit is an episode of an incident in one target; each is in one state.",
            unit="short",
            queries=gauge("receiver_store_units", "state"),
            stacked=True,
            width=6,
        ),
        Panel(
            title="Suppressed units",
            description="Units that nobody needed to be shown, by reason.",
            unit="short",
            queries=gauge("receiver_store_units_suppressed", "reason"),
            stacked=True,
            width=6,
        ),
        Panel(
            title="Units unaccounted for",
            description="What the states do not add up to, and what the rows do not confirm.",
            unit="short",
            queries=(
                Query(expr=UNBALANCED, legend="{{instance}} accepted less states"),
                Query(
                    expr=f"max by (instance) ({selector('receiver_store_units_difference')})",
                    legend="{{instance}} self-check",
                ),
            ),
            steps=critical(1),
            width=6,
            runbook="ReceiverUnitsUnbalanced",
        ),
        Panel(
            title="Age of the self-check",
            description="Since totals and rows were compared; it is done every 10 minutes.",
            unit="s",
            queries=(
                Query(
                    expr=f"time() - {selector('receiver_store_selfcheck_timestamp_seconds')}",
                    legend="{{instance}}",
                ),
            ),
            steps=warning(1800),
            width=6,
            runbook="ReceiverSelfcheckStale",
        ),
    ),
)
