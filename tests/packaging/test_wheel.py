"""The wheel is whole, and runs with nothing but the locked run-time packages beside it."""

import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.packaging.test_locks import locked
from tests.packaging.tree import ROOT, files

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
IMPORT_ALL = """
import importlib, pkgutil, receiver
names = [m.name for m in pkgutil.walk_packages(receiver.__path__, "receiver.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""


def run(*command: str | Path) -> str:
    """Run a command and return what it printed; its complaint is the test's."""
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a release would."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment of the wheel and the locked run-time packages alone; its bin folder."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for requirement in locked("run").values():
        if not requirement.marker or requirement.marker.evaluate():
            link(requirement.name, site)
    run(folder / "bin/pip", "install", "--quiet", "--no-deps", "--no-index", wheel)
    return folder / "bin"


def link(name: str, site: Path) -> None:
    """Lend the other environment an installed distribution of this one, file by file."""
    distribution = metadata.distribution(name)
    for path in distribution.files or []:
        if ".." not in path.parts:
            place = site / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place.symlink_to(Path(str(distribution.locate_file(path))).resolve())


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {str(path.relative_to(ROOT)) for path in files(ROOT / "receiver")}
    assert wanted - held == set()
    assert "receiver/py.typed" in held
    assert any(name.startswith("receiver/sandbox/page/") for name in held)


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    info = f"alertmanager_feishu_receiver-{VERSION}.dist-info"
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in held} == {"receiver", info}
    assert f"{info}/licenses/LICENSE" in held


def test_the_command_knows_its_version(bare: Path) -> None:
    assert VERSION in run(bare / "receiver", "--version")


def test_every_module_imports_without_the_tests_packages(bare: Path) -> None:
    assert int(run(bare / "python", "-W", "error", "-c", IMPORT_ALL)) > 10


def test_the_tests_packages_are_not_there(bare: Path) -> None:
    looked = run(bare / "python", "-c", "import importlib.util as u; print(u.find_spec('pytest'))")
    assert looked == "None"
