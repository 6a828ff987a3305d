"""From a file to a checked configuration, or to the list of all that is wrong with it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from receiver.config.document import LIMIT, read_document
from receiver.config.duty_kinds import learn_lists
from receiver.config.place import Notes, Place, Refused
from receiver.config.problem import BadConfig, Problem
from receiver.config.schema import ROOT
from receiver.config.targets import learn_channels
from receiver.config.values import Config
from receiver.config.warned import warned


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read and check a configuration file; names of files in it are relative to its folder.

    Raises:
        BadConfig: everything that is wrong with it.

    """
    try:
        with path.open("rb") as file:
            raw = file.read(LIMIT + 1)
        return parse(_text(raw), environ, path.parent)
    except BadConfig as bad:
        raise BadConfig(bad.problems, str(path)) from None
    except (OSError, ValueError) as wrong:
        why = getattr(wrong, "strerror", None) or "its name is no file's"
        cure = f"name a file that the service may read: {why}"
        raise BadConfig((Problem("", "no file", cure),), str(path)) from None


def parse(text: str, environ: Mapping[str, str], base: Path) -> Config:
    """Read and check a configuration; ``base`` is what file names in it are relative to.

    Raises:
        BadConfig: everything that is wrong with it.

    """
    root, problems = read_document(text)
    notes = Notes(environ, base, problems=list(problems))
    learn_channels(root, notes)
    learn_lists(root, notes)
    try:
        config = ROOT.read(Place(root, "", notes))
    except Refused:
        config = None
    if config is None or notes.problems:
        raise BadConfig(tuple(sorted(notes.problems, key=_in_order)))
    return replace(config, warnings=warned(config))


def _text(raw: bytes) -> str:
    if len(raw) > LIMIT:
        seen = f"more than {LIMIT} bytes"
        raise BadConfig((Problem("", seen, f"a configuration has at most {LIMIT}"),))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        cure = "save the file as UTF-8 text"
        raise BadConfig((Problem("", "bytes that are no text", cure),)) from None


def _in_order(problem: Problem) -> int:
    return problem.line or 0
