"""A real group that fires again and again, soon after each end."""

from pathlib import Path

import pytest

from receiver.sandbox.server import serve_sandbox
from tests.real_alertmanager import Settings, real_alertmanager, wall_clock
from tests.stories.cards import colour, words
from tests.stories.scene import moment, report, scene
from tests.stories.setting import PRODUCTION, TOKEN, source

pytestmark = pytest.mark.soak

LABELS = {"alertname": "Flapping", "instance": "node-01", "severity": "warning"}
AGAIN = 6
THRESHOLD = 4
TURNS = 20.0


async def test_a_group_that_flaps_is_one_card_and_calls_people_until_it_is_known_to(
    tmp_path: Path,
) -> None:
    async with (
        real_alertmanager(tmp_path) as alertmanager,
        serve_sandbox() as sandbox,
        scene(
            sandbox,
            tmp_path,
            alertmanagers=[source(alertmanager.url)],
            flapping={"threshold": THRESHOLD, "window": "1h"},
        ) as at,
    ):
        url = f"{at.url}/webhooks/alertmanager/prod"
        Settings(webhook_url=url, token=TOKEN).arguments(tmp_path)
        (await at.http.post(f"{alertmanager.url}/-/reload")).raise_for_status()
        await report(at.http, alertmanager.url, [LABELS])
        [card] = await at.sent(PRODUCTION, 1, 10)
        for time in range(1, AGAIN + 1):
            await report(at.http, alertmanager.url, [LABELS], moment(wall_clock()))
            await at.until(lambda: colour(card) == "green", TURNS)
            await report(at.http, alertmanager.url, [LABELS])
            await at.until(lambda: colour(card) != "green", TURNS)
            if time < THRESHOLD:
                await at.sent(PRODUCTION, 1 + time, 10)  # a reply calls people each time
        # From the threshold on it is known to flap, and calls nobody for the rest of the hour.
        await at.never(lambda: len(at.messages(PRODUCTION)) > THRESHOLD, 3)
        replies = at.messages(PRODUCTION)[1:]
        assert {reply.root_id for reply in replies} == {card.message_id}
        assert f"flapping, {AGAIN} in " in words(card)
        [incident] = await at.incidents()
        assert len(incident["reopenings"]) == AGAIN
