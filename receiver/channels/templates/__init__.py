"""What users say on a card in their own words: small, sandboxed Jinja2 templates."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SOURCE_LIMIT = 8_000  # characters of a template
OUTPUT_LIMIT = 4_000  # characters; what is longer is cut
ALERTS_GIVEN = 100


class BadTemplate(ValueError):
    """A template that cannot be compiled; the message says where and why."""


class Said(NamedTuple):
    """What a template made; ``problem`` says why it made nothing."""

    text: str = ""
    problem: str = ""


class Templates:
    """The configured templates, compiled once; an empty one means the built-in text.

    ``title`` stands in the header, ``summary`` is what the phone previews, ``text`` is the body's
    words. Each sees ``incident``, ``alerts``, ``labels`` and ``annotations``; its output is plain
    text, whatever it looks like.
    """

    __slots__ = ("_compiled",)

    def __init__(self, title: str = "", summary: str = "", text: str = "") -> None:
        """Compile.

        Raises:
            BadTemplate: one cannot be; the message names it, the line and the fault.

        """
        named = {"title": title, "summary": summary, "text": text}
        self._compiled = {name: _renderer(name, source) for name, source in named.items() if source}

    def __bool__(self) -> bool:
        return bool(self._compiled)

    def render(self, given: Callable[[], Mapping[str, Any]]) -> dict[str, Said]:
        """Return what each configured template makes of the data; never raises.

        ``given`` is asked once, and only where there is a template.
        """
        if not self._compiled:
            return {}
        data = given()
        return {name: render(data) for name, render in self._compiled.items()}


def _renderer(name: str, source: str) -> Callable[[Mapping[str, Any]], Said]:
    # Few configurations have templates, and loading Jinja2 takes as long as a tenth of the start.
    from receiver.channels.templates.compiled import compile_template, render  # noqa: PLC0415

    compiled = compile_template(name, source)
    return lambda data: render(compiled, data)
