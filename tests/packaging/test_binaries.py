"""A missing program skips a test on a laptop and fails it in CI."""

from pathlib import Path

import pytest

from tests import binaries


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave one empty folder on PATH, on a machine that is not CI."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("REQUIRE_BINARIES", raising=False)
    return tmp_path


def test_the_first_name_that_exists_is_found(empty_path: Path) -> None:
    program = empty_path / "second-name"
    program.touch(mode=0o755)
    assert binaries.find("first-name", "second-name") == program


def test_a_missing_program_skips_with_the_cure(empty_path: Path) -> None:
    assert not list(empty_path.iterdir())
    with pytest.raises(pytest.skip.Exception, match="apt-get install strange"):
        binaries.find("strange")


@pytest.mark.parametrize("name", ["CI", "REQUIRE_BINARIES"])
@pytest.mark.usefixtures("empty_path")
def test_a_missing_program_fails_where_it_is_required(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "true")
    with pytest.raises(pytest.fail.Exception, match="no strange or odd on PATH"):
        binaries.find("strange", "odd")


def test_no_is_no() -> None:
    assert not binaries.required({"CI": "", "REQUIRE_BINARIES": "0"})


def test_the_newest_version_is_found_in_the_cache(
    empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_path))
    with pytest.raises(pytest.skip.Exception, match=r"run \.ci/current"):
        binaries.current("strange")
    program = empty_path / binaries.CURRENT / "strange"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    assert binaries.current("strange") == program


def test_a_missing_newest_version_fails_where_it_is_required(
    empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_path))
    monkeypatch.setenv("REQUIRE_BINARIES", "1")
    with pytest.raises(pytest.fail.Exception, match=r"run \.ci/current"):
        binaries.current("strange")
