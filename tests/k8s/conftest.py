"""Renders each installation once, as `kubectl apply -k` would."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.binaries import find

K8S = Path(__file__).resolve().parents[2] / "k8s"
INSTALLATIONS = ("base", *sorted(f"overlays/{path.name}" for path in (K8S / "overlays").iterdir()))
COMPONENTS = tuple(sorted(path.name for path in (K8S / "components").iterdir()))

Manifest = dict[str, Any]
Render = Callable[[Path], list[Manifest]]


@pytest.fixture(scope="session")
def render() -> Render:
    """Give the function that renders a folder with a kustomization into its manifests."""
    kubectl = find("kubectl")

    def rendered(folder: Path) -> list[Manifest]:
        done = subprocess.run(
            [kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return list(yaml.safe_load_all(done.stdout))

    return rendered


@pytest.fixture(scope="session", params=[*INSTALLATIONS, *COMPONENTS])
def manifests(
    request: pytest.FixtureRequest, render: Render, tmp_path_factory: pytest.TempPathFactory
) -> list[Manifest]:
    """Give what one installation, or the base with one component, applies to a cluster."""
    name: str = request.param
    if name in INSTALLATIONS:
        return render(K8S / name)
    folder = tmp_path_factory.mktemp(name)
    above = os.path.relpath(K8S, folder)
    text = f"resources: [{above}/base]\ncomponents: [{above}/components/{name}]\n"
    (folder / "kustomization.yaml").write_text(text)
    return render(folder)


@pytest.fixture(scope="session")
def example(render: Render) -> list[Manifest]:
    """Give what the example overlay, with every component, applies to a cluster."""
    return render(K8S / "overlays/example")
