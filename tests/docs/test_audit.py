"""The page on the audit names each kind of line that it has, and each line was thought of."""

import ast
import re
from collections.abc import Iterator

from receiver.domain.action import ActionKind
from tests.docs.pages import page
from tests.packaging.tree import ROOT

PACKAGE = ROOT / "receiver"
LINE = re.compile(r"from receiver.domain.incident import[^)]*\bLine\b")
KINDS = re.compile(r"^\| (`[a-z_`, ]+`) \|.*\|.*\|$", re.MULTILINE)
# What programs do: these lines are in the timeline, and not in the audit. `…` is what follows.
PROGRAMS = {
    "card_…": "a card was rejected, replaced, tried again",
    "…_…": "a reply was, or a call was: what, and why",
    "possible_duplicate": "a message may be there twice",
    "dead_lettered": "a card was given up",
    "replayed": "a dead letter is tried again",
    "digest": "a digest begins",
    "digested": "a digest takes an incident in",
    "digest_closed": "a storm is over",
    "stale": "a source does not answer",
    "truth_…": "what a source's truth changed",
    "escalation_…": "a step of an escalation is taken",
    "escalation_…_…": "what became of it",
}


def _named() -> set[str]:
    rows = KINDS.findall(page("docs/audit.md").partition("| `kind` |")[2])
    return set(re.findall(r"`([a-z_]+)`", " ".join(rows)))


def _made() -> Iterator[tuple[str, str]]:
    """Return the kinds of the lines that the code makes, and where."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text("utf-8")
        if not LINE.search(text):
            continue
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Call(func=ast.Name(id="Line"), args=[what, *_]):
                    where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                    yield from ((kind, where) for kind in _kinds(what))
                case _:
                    pass


def _kinds(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(kind)):
            yield kind
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_kinds(body), *_kinds(orelse))
        case ast.JoinedStr(values=parts):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts
            )
        case _:
            pass  # a name: of a click, whose kinds are ActionKind's, or of what a body did


def test_each_kind_of_line_is_on_the_page_or_a_programs() -> None:
    named = _named()
    known = {*named, *PROGRAMS}
    forgotten = [
        f"{kind} ({where})"
        for kind, where in _made()
        if kind not in known
        and not (kind.endswith("…") and any(each.startswith(kind[:-1]) for each in named))
    ]
    assert not forgotten, f"they need a trail and a row in docs/audit.md: {', '.join(forgotten)}"


def test_each_click_is_on_the_page() -> None:
    asked = {
        "silence": "silence_requested",
        "confirm_silence": "silence_requested",
        "resilence": "silence_requested",
        "unsilence": "unsilence_requested",
        "preview": "silence_previewed",
        "cancel": "silence_cancelled",
        "extend": "silence_extend_requested",
        "approve": "approved",
        "decline": "declined",
    }
    assert {asked.get(kind, kind) for kind in ActionKind} <= _named()
