"""Traffic on every metric, so that a panel that stays empty is a panel that is wrong."""

from receiver.telemetry.metrics import Metrics, StoreFigures

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def drive(metrics: Metrics, now_seconds: float) -> None:
    """Let something of everything happen once."""
    _ingest(metrics)
    _deliver(metrics)
    _answer(metrics, now_seconds)
    metrics.store.commit_duration.observe(0.004)
    metrics.store.group_size.observe(8)
    metrics.store.failures.of("disk").inc()
    metrics.config.last_reload_successful.set(1)
    metrics.config.last_reload_success_timestamp.set(now_seconds - 60)
    metrics.observe_store(
        StoreFigures(
            cards_waiting={"feishu_app": 2},
            oldest_waiting_age={"feishu_app": 1.5},
            dead_letters=1,
            quarantine_rows=1,
            queue_length=3,
            size_bytes=65536,
        )
    )


def _ingest(metrics: Metrics) -> None:
    ingest = metrics.ingest
    ingest.requests.of("prod", "accepted").inc()
    ingest.duration.of("prod").observe(0.003, {"trace_id": TRACE_ID})
    ingest.alerts.of("prod", "firing").inc(10)
    ingest.bodies.of("prod", "first").inc()
    ingest.quarantined.of("prod").inc()


def _deliver(metrics: Metrics) -> None:
    delivery = metrics.delivery
    for severity in ("critical", "other"):
        latency = delivery.latency.of("feishu_app", severity)
        latency.observe(0.2, {"trace_id": TRACE_ID})
    delivery.attempts.of("feishu_app", "create", "delivered", "delivered").inc()
    delivery.attempts.of("feishu_app", "patch", "retry", "timeout").inc()
    delivery.decisions.of("feishu_app", "first").inc()
    delivery.possible_duplicates.of("feishu_app").inc()
    delivery.never_shown.inc()
    delivery.dead_lettered.of("feishu_app", "target").inc()
    delivery.limit_waits.of("feishu_app", "chat").inc()


def _answer(metrics: Metrics, now_seconds: float) -> None:
    callbacks = metrics.callbacks
    callbacks.requests.of("ops", "ok").inc()
    callbacks.duration.of("ops").observe(0.05, {"trace_id": TRACE_ID})
    callbacks.actions.of("acknowledge", "done").inc()
    callbacks.token_refreshes.of("ops", "success").inc()
    callbacks.token_expiry.of("ops").set(now_seconds + 7000)
    callbacks.silences.of("prod", "created").inc()
    callbacks.alertmanager_requests.of("prod", "create_silence", "success").inc()
