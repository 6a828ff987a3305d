"""The real process: its start, its reload, its end."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from receiver.sandbox.server import Sandbox, serve_sandbox
from tests.stage import PLATFORM, PRODUCTION, SECRETS, TOKEN, Json, alert, body, over, settings
from tests.stories.process import Process, command, write


@dataclass
class Served:
    """A running ``receiver serve`` in front of a sandbox."""

    process: Process
    url: str
    ops_url: str
    http: httpx.AsyncClient

    async def fire(self, name: str) -> None:
        """Post an alert of this name."""
        answer = await self.http.post(
            f"{self.url}/webhooks/alertmanager/prod",
            json=body(alert(name)),
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        assert answer.status_code == 200, answer.text

    async def reload(self) -> httpx.Response:
        """Ask for a reload."""
        return await self.http.post(f"{self.ops_url}/-/reload")


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Served]:
    """Run the service until it ends: the story ends it."""
    async with command("serve", "--config", str(path)) as process:
        ready = await process.event("ready")
        async with httpx.AsyncClient(trust_env=False) as http:
            yield Served(process, ready["url"], ready["ops_url"], http)


def _other_routes(document: Json) -> Json:
    return {**document, "routes": [{"targets": [f"ops:{PLATFORM}"]}]}


def _bad(document: Json) -> Json:
    return {**document, "routes": [{"targets": ["nobody:oc_1"]}]}


async def _arrives(sandbox: Sandbox, chat: str) -> None:
    await sandbox.state.until(lambda: sandbox.state.messages(chat))


async def test_a_reload_by_signal_or_by_post_takes_a_good_file_and_refuses_a_bad_one(
    tmp_path: Path,
) -> None:
    async with serve_sandbox() as sandbox:
        document = settings(sandbox, tmp_path)
        path = write(document, tmp_path / "receiver.yaml")
        async with serving(path) as service:
            await service.fire("First")
            await _arrives(sandbox, PRODUCTION)
            await _refuses(service, document, path)
            write(_other_routes(document), path)
            service.process.send(signal.SIGHUP)
            await service.process.event("configuration reloaded")
            await service.fire("Second")
            await _arrives(sandbox, PLATFORM)
            write(document, path)
            assert (await service.reload()).status_code == 200
            await service.fire("Third")
            await sandbox.state.until(lambda: len(sandbox.state.messages(PRODUCTION)) == 2)
            metrics = (await service.http.get(f"{service.ops_url}/metrics")).text
            assert "\nreceiver_config_last_reload_successful 1.0\n" in metrics
            service.process.send(signal.SIGTERM)
            assert await service.process.ends() == 0


async def _refuses(service: Served, document: Json, path: Path) -> None:
    """Offer a bad file in both ways; the old one stays in force."""
    write(_bad(document), path)
    refused = await service.reload()
    assert refused.status_code == 422
    why = refused.json()["detail"]
    assert "routes[0].targets[0]" in why
    assert "nobody:oc_1" in why
    seen = len(service.process.lines)
    service.process.send(signal.SIGHUP)
    event = await service.process.event("configuration not reloaded", seen)
    assert "routes[0].targets[0]" in event["problem"]
    write({**document, "store": {"url": "sqlite:////elsewhere.db"}}, path)
    assert "store" in (await service.reload()).json()["detail"]
    metrics = (await service.http.get(f"{service.ops_url}/metrics")).text
    assert "\nreceiver_config_last_reload_successful 0.0\n" in metrics


async def test_a_stop_finishes_the_call_under_way(tmp_path: Path) -> None:
    async with serve_sandbox() as sandbox:
        path = write(settings(sandbox, tmp_path), tmp_path / "receiver.yaml")
        sandbox.state.fault("create", "latency", ms=700, after=True)
        async with serving(path) as service:
            await service.fire("Slow")
            await _arrives(sandbox, PRODUCTION)
            service.process.send(signal.SIGTERM)
            assert await service.process.ends() == 0
        [call] = [call for call in sandbox.state.calls if call.call == "create"]
        assert call.code == 0
        assert call.ms >= 700
        # What was answered during the stop was kept: the next run knows its card.
        async with serving(path) as service:
            await service.http.post(
                f"{service.url}/webhooks/alertmanager/prod",
                json=body(over(alert("Slow"))),
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
            [card] = sandbox.state.messages(PRODUCTION)
            await sandbox.state.until(lambda: card.content["header"]["template"] == "green")
            service.process.send(signal.SIGTERM)
            assert await service.process.ends() == 0
        assert len(sandbox.state.messages(PRODUCTION)) == 1


async def test_a_bad_configuration_is_refused_with_path_value_and_cure(tmp_path: Path) -> None:
    async with serve_sandbox() as sandbox:
        document = settings(sandbox, tmp_path)
    document["server"] = {"listen": "8080", "ops_listne": "127.0.0.1:0"}
    document["routes"] = [{"match": ["severity=~critical("], "targets": ["ops"]}]
    path = write(document, tmp_path / "receiver.yaml")
    for name in ("serve", "check"):
        arguments = ("--config", str(path)) if name == "serve" else (str(path),)
        async with command(name, *arguments) as process:
            assert await process.ends() == 1
        said = process.output
        for part in ("server.listen", "8080", "server.ops_listne", "ops_listen", "routes[0]"):
            assert part in said, said
        for secret in (*SECRETS, TOKEN, "sandbox-hook-secret"):
            assert secret not in said


async def test_a_taken_port_and_a_taken_store_are_named(tmp_path: Path) -> None:
    async with serve_sandbox() as sandbox:
        document = settings(sandbox, tmp_path)
        path = write(document, tmp_path / "receiver.yaml")
        async with serving(path) as service:
            async with command("serve", "--config", str(path)) as second:
                assert await second.ends() == 1
            assert "receiver.db" in second.output
            address = service.url.removeprefix("http://")
            taken = {**document, "store": {"url": f"sqlite:///{tmp_path}/other.db"}}
            taken["server"] = {"listen": address, "ops_listen": "127.0.0.1:0"}
            other = write(taken, tmp_path / "other.yaml")
            async with command("serve", "--config", str(other)) as third:
                assert await third.ends() == 1
            assert f"server.listen: cannot listen on {address}" in third.output
            service.process.send(signal.SIGTERM)
            assert await service.process.ends() == 0
