"""The files of this repository, as a commit would hold them."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = {".ci", ".dockerignore", ".gitignore"}  # of the names that begin with a dot
MADE = {"__pycache__", "build", "demo-data", "dist"}
PICTURES = {".gif", ".ico", ".jpg", ".png", ".webp", ".woff2"}


def files(folder: Path = ROOT) -> Iterator[Path]:
    """Yield every file below a folder that is neither made by a tool nor hidden."""
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _is_ours(name)]
        yield from (Path(top) / name for name in names if _is_ours(name))


def texts(folder: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield every file that holds text, by its path under the root, with that text."""
    for path in files(folder):
        if path.suffix not in PICTURES:
            yield path.relative_to(ROOT), path.read_text("utf-8", errors="replace")


def _is_ours(name: str) -> bool:
    return name in OURS or not (name.startswith(".") or name in MADE or name.endswith(".pyc"))
