"""What users say on a card in their own words: small, sandboxed Jinja2 templates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from receiver.channels.templates.links import Link, Links, LinkTemplate, check_link
from receiver.channels.templates.said import OUTPUT_LIMIT, SOURCE_LIMIT, BadTemplate, Said

__all__ = [
    "ALERTS_GIVEN",
    "OUTPUT_LIMIT",
    "SOURCE_LIMIT",
    "BadTemplate",
    "Link",
    "LinkTemplate",
    "Said",
    "Templates",
    "check_link",
    "check_template",
]

ALERTS_GIVEN = 100


class Templates:
    """The configured templates, compiled once; an empty one means the built-in text.

    ``title`` stands in the header, ``summary`` is what the phone previews, ``text`` is the body's
    words. Each sees ``incident``, ``alerts``, ``labels`` and ``annotations``; its output is plain
    text, whatever it looks like. ``links`` are addresses that a card leads to.
    """

    __slots__ = ("_compiled", "_links")

    def __init__(
        self,
        title: str = "",
        summary: str = "",
        text: str = "",
        links: Sequence[LinkTemplate] = (),
    ) -> None:
        """Compile.

        Raises:
            BadTemplate: one cannot be; the message names it, the line and the fault.

        """
        named = {"title": title, "summary": summary, "text": text}
        self._compiled = {name: _renderer(name, source) for name, source in named.items() if source}
        self._links = Links(links)

    def __bool__(self) -> bool:
        return bool(self._compiled or self._links)

    def render(self, given: Callable[[], Mapping[str, Any]]) -> dict[str, Said]:
        """Return what each configured template makes of the data; never raises.

        ``given`` is asked once, and only where there is a template.
        """
        if not self._compiled:
            return {}
        data = given()
        return {name: render(data) for name, render in self._compiled.items()}

    def links(
        self, labels: dict[str, str], given: Callable[[], Mapping[str, Any]]
    ) -> tuple[Link, ...]:
        """Return the configured links whose matchers accept the labels; never raises."""
        return self._links.render(labels, given)


def check_template(name: str, source: str) -> None:
    """Say whether a text can be used as a template.

    Raises:
        BadTemplate: it cannot; the message names it, the line and the fault.

    """
    _renderer(name, source)


def _renderer(name: str, source: str) -> Callable[[Mapping[str, Any]], Said]:
    # Few configurations have templates, and loading Jinja2 takes as long as a tenth of the start.
    from receiver.channels.templates.compiled import compile_template, render  # noqa: PLC0415

    compiled = compile_template(name, source)
    return lambda data: render(compiled, data)
