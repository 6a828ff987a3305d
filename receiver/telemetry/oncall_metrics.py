"""Who is on call, and whether those who know it answer."""

from __future__ import annotations

from receiver.telemetry.delivery_metrics import follow
from receiver.telemetry.families import Builder
from receiver.telemetry.labels import Labels

STEP_VIAS = ("mention", "app", "sms", "phone")
STEP_OUTCOMES = ("done", "failed", "unknown")
FETCH_OUTCOMES = ("success", "failure")


class OnCall:
    """The on-call lists."""

    def __init__(self, build: Builder, labels: Labels) -> None:
        each = {"list": labels.oncall_lists}
        self.people = build.gauge(
            "receiver_oncall_people",
            "People who are on call now; -1 for a list that is configured no more.",
            each,
        )
        self.age = build.gauge(
            "receiver_oncall_answer_age_seconds",
            "The age of a list's last good answer; 0 for a rotation, and before the first answer.",
            each,
        )
        self.fetches = build.counter(
            "receiver_oncall_fetches",
            "Calendars and endpoints asked who is on call.",
            {**each, "outcome": FETCH_OUTCOMES},
        )

        self.steps = build.counter(
            "receiver_escalation_steps",
            "Steps of escalations that were taken, by what became of them.",
            {"via": STEP_VIAS, "outcome": STEP_OUTCOMES},
        )

    def grow(self, labels: Labels) -> None:
        """Admit the lists of a new configuration."""
        follow(self.people, "list", labels.oncall_lists)
        for child in self.people.without("list", labels.oncall_lists):
            child.set(-1)
        follow(self.age, "list", labels.oncall_lists)
        self.fetches.grow("list", labels.oncall_lists)
