"""What is shared with others: a chat's five messages a second, and a chat list by several apps."""

import asyncio
import json
from functools import partial
from pathlib import Path

import httpx
import pytest

from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.sandbox.state import App
from tests.stories.bodies import alert, body, over
from tests.stories.cards import Json, colour
from tests.stories.scene import Scene, paced, reading, said_in, scene, storm
from tests.stories.setting import PRODUCTION, app_of, bot_of

pytestmark = pytest.mark.soak

COUNT = 60
NAMES = [f"node-{number:02}" for number in range(COUNT)]
CHATS = [f"oc_shared_{number}" for number in range(6)]
CHAT_LIMIT = 230020
# The other bot speaks twice a second for half a minute, and leaves us three.
OTHERS_PACE, OTHERS_TIME = 2, 40
DRAIN = 60.0
# Five were under way when the first was refused; then one in ten seconds finds out again.
REFUSED_MOST = 5 + OTHERS_TIME // 10 + 5


def _second_app(sandbox: Sandbox, *chats: str) -> App:
    """Found another app whose bot is in these chats."""
    app = sandbox.state.add_app("second", encrypt_key="second-encrypt-key")
    for chat in chats:
        sandbox.state.chats[chat].apps.add(app.app_id)
    return app


def _entry(sandbox: Sandbox, app: App) -> Json:
    return {
        **app_of(sandbox),
        "name": "ops2",
        "app_id": app.app_id,
        "app_secret": app.secret,
        "encrypt_key": app.encrypt_key,
        "verification_token": app.verification_token,
    }


def _body(name: str, *, resolved: bool = False) -> Json:
    one = alert("LinkDown", severity="warning", instance=name, team=_chat(name))
    return body(over(one) if resolved else one, groupKey=f'{{}}:{{instance="{name}"}}')


def _chat(name: str) -> str:
    return CHATS[int(name[-2:]) % len(CHATS)]


@pytest.mark.soak(50)
async def test_a_chat_that_another_bot_speaks_in_is_left_room_for_it(tmp_path: Path) -> None:
    async with serve_sandbox() as sandbox:
        app = _second_app(sandbox, PRODUCTION)
        async with scene(sandbox, tmp_path, **storm(enabled=False)) as at, reading(sandbox) as told:
            talk = asyncio.ensure_future(_talks(sandbox, app))
            for name in NAMES:
                await at.post(_body(name))
            await told.of(NAMES, DRAIN)
            await talk
            shown = said_in(at.messages(PRODUCTION), NAMES)
            assert {len(found) for found in shown.values()} == {1}
            ours = [call for call in at.calls("create") if call.app != app.app_id]
            refused = [call for call in ours if call.code == CHAT_LIMIT]
            assert 1 <= len(refused) <= REFUSED_MOST
            assert len(ours) == COUNT + len(refused)


async def _talks(sandbox: Sandbox, app: App) -> None:
    """Speak in the chat at an even pace, as a bot of somebody else's does."""
    base = f"{sandbox.platform_url}/open-apis"
    async with httpx.AsyncClient(trust_env=False) as http:
        secret = {"app_id": app.app_id, "app_secret": app.secret}
        answer = await http.post(f"{base}/auth/v3/tenant_access_token/internal", json=secret)
        headers = {"Authorization": f"Bearer {answer.json()['tenant_access_token']}"}
        content = json.dumps({"text": "good morning"})
        message = {"receive_id": PRODUCTION, "msg_type": "text", "content": content}
        async for _ in paced(number / OTHERS_PACE for number in range(OTHERS_PACE * OTHERS_TIME)):
            url = f"{base}/im/v1/messages?receive_id_type=chat_id"
            await http.post(url, json=message, headers=headers)


async def test_two_apps_share_a_list_of_chats_and_each_incident_stays_with_one_of_them(
    tmp_path: Path,
) -> None:
    async with serve_sandbox() as sandbox, reading(sandbox) as told:
        for chat in CHATS:
            sandbox.state.add_chat(chat, chat_id=chat)
        app = _second_app(sandbox, *CHATS)
        keys = {
            "feishu": [app_of(sandbox), _entry(sandbox, app), bot_of(sandbox)],
            "routes": [
                {"match": [f'team="{chat}"'], "targets": [{"app": ["ops", "ops2"], "chat": chat}]}
                for chat in CHATS
            ],
        }
        async with scene(sandbox, tmp_path, **keys) as at:
            for name in NAMES:
                await at.post(_body(name))
            await told.of(NAMES, DRAIN)
            shares = _shares(at)
            assert min(shares.values()) >= COUNT // 4, shares
        async with scene(sandbox, tmp_path, **keys) as at:  # another run chooses the same
            for name in NAMES:
                await at.post(_body(name, resolved=True))
            for chat in CHATS:
                await at.until(partial(_all_green, at, chat), DRAIN)
                shown = said_in(at.messages(chat), [name for name in NAMES if _chat(name) == chat])
                assert {len(found) for found in shown.values()} == {1}
            assert _shares(at) == shares
            assert at.limited() == []


def _all_green(at: Scene, chat: str) -> bool:
    return all(colour(message) == "green" for message in at.messages(chat))


def _shares(at: Scene) -> dict[str, int]:
    """Return how many cards each app has sent."""
    senders = [message.sender_id for chat in CHATS for message in at.messages(chat)]
    return {sender: senders.count(sender) for sender in set(senders)}
