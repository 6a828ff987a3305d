"""The examples that people copy: the real programs accept them, and they agree."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.binaries import find
from tests.packaging.tree import ROOT

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SECRET = "0123456789abcdef" * 2
K8S_SECRETS = "/run/secrets/receiver"
ALERTMANAGER = COMPOSE["configs"]["alertmanager"]["content"]
VARIABLE = re.compile(r"\$\{(\w+)\}")
GUIDE = (ROOT / "docs/kubernetes.md").read_text()


CONFIGS = {
    "compose": (ROOT / "docs/compose/receiver.yaml").read_text(),
    "base": (ROOT / "k8s/base/receiver.yaml").read_text(),
    "example": (ROOT / "k8s/overlays/example/receiver.yaml").read_text(),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_program_accepts_the_example(name: str, tmp_path: Path) -> None:
    text = CONFIGS[name].replace("/var/lib/receiver", str(tmp_path))
    for path in set(re.findall(r"/run/secrets/[\w/-]+", text)):
        here = tmp_path / Path(path).name
        here.write_text(f"{SECRET}\n")
        text = text.replace(path, str(here))
    (tmp_path / "receiver.yaml").write_text(text)
    command = [sys.executable, "-m", "receiver", "check", str(tmp_path / "receiver.yaml")]
    environment = {**os.environ, **dict.fromkeys(VARIABLE.findall(text), SECRET)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout


def test_alertmanager_accepts_the_example(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(ALERTMANAGER)
    command = [str(find("amtool")), "check-config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def test_composes_alertmanager_posts_to_the_source_that_the_receiver_knows() -> None:
    (source,) = yaml.safe_load(CONFIGS["compose"])["alertmanagers"]
    (receiver,) = yaml.safe_load(ALERTMANAGER)["receivers"]
    (webhook,) = receiver["webhook_configs"]
    assert webhook["url"] == f"http://receiver:8080/webhooks/alertmanager/{source['name']}"
    token = Path(webhook["http_config"]["authorization"]["credentials_file"])
    variable = COMPOSE["secrets"][token.name]["environment"]
    assert token.parent == Path("/run/secrets")
    assert source["webhook_token"] == f"${{{variable}}}"


def test_compose_hands_over_every_variable_that_is_read() -> None:
    read = set(VARIABLE.findall(CONFIGS["compose"]))
    handed = COMPOSE["services"]["receiver"]["environment"]
    assert set(handed) == read
    assert all(text.startswith(f"${{{name}:?") for name, text in handed.items())


def test_composes_receiver_is_as_confined_as_the_pod() -> None:
    service = COMPOSE["services"]["receiver"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    config, store = service["volumes"]
    assert (ROOT / config.split(":")[0]).is_file()
    assert config.endswith(":/etc/receiver/receiver.yaml:ro")
    assert store == "receiver:/var/lib/receiver"
    assert not {"configs", "secrets"} & service.keys()  # compose cannot copy them in


def test_every_path_that_the_kubernetes_guide_names_exists() -> None:
    named = set(re.findall(r"\b(?:k8s|docs|rules|dashboards)/[\w./-]*[\w/]", GUIDE))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_kubernetes_guide_creates_every_secret_that_is_read() -> None:
    read = {Path(p).name for p in re.findall(rf"{K8S_SECRETS}/[\w-]+", CONFIGS["example"])}
    assert set(re.findall(r"--from-(?:file|literal)=([\w-]+)", GUIDE)) == read


def test_the_manifests_name_this_version() -> None:
    overlay = yaml.safe_load((ROOT / "k8s/overlays/example/kustomization.yaml").read_text())
    (image,) = overlay["images"]
    assert image["newTag"] == VERSION
    stateful = (ROOT / "k8s/base/statefulset.yaml").read_text()
    assert f"image: alertmanager-feishu-receiver:{VERSION} " in stateful


def test_the_image_is_what_the_manifests_expect() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    stateful = (ROOT / "k8s/base/statefulset.yaml").read_text()
    assert "USER 65532:65532" in dockerfile
    assert "runAsUser: 65532" in stateful
    assert 'ENTRYPOINT ["receiver"]' in dockerfile
    assert "EXPOSE 8080 8081" in dockerfile
