"""Links that users configure: a name, an address written as a template, and when it is offered."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from receiver.channels.templates.said import BadTemplate
from receiver.channels.templates.said import Said as Made
from receiver.domain.matcher import Matcher
from receiver.phrases import Said

# The address begins as written, so that no label can choose another scheme.
SCHEMES = ("http://", "https://")


class LinkTemplate(NamedTuple):
    """A configured link; without matchers it is offered for every alert."""

    name: Said
    url: str
    matchers: tuple[Matcher, ...] = ()


class Link(NamedTuple):
    """What a link's template made; ``problem`` says why it made no address."""

    name: Said
    url: str = ""
    problem: str = ""


class Links:
    """The configured links, compiled once.

    Each template sees the ``labels`` and ``annotations`` of the alert that speaks for all,
    ``starts_at`` and ``ends_at`` in Unix milliseconds, and whether it is ``firing``. Every value
    is percent-encoded, unless the filter ``raw`` says that it is an address already.
    """

    __slots__ = ("_compiled",)

    def __init__(self, templates: Sequence[LinkTemplate]) -> None:
        """Compile.

        Raises:
            BadTemplate: one cannot be; the message names the line and the fault.

        """
        self._compiled = [(each, _renderer(each.url)) for each in templates]

    def __bool__(self) -> bool:
        return bool(self._compiled)

    def render(
        self, labels: dict[str, str], given: Callable[[], Mapping[str, Any]]
    ) -> tuple[Link, ...]:
        """Return the links whose matchers accept the labels; never raises.

        ``given`` is asked once, and only where there is such a link. A template that says nothing
        makes no link, and is no failure.
        """
        offered = [
            (each.name, render)
            for each, render in self._compiled
            if all(matcher.matches(labels) for matcher in each.matchers)
        ]
        if not offered:
            return ()
        data = given()
        made = [(name, render(data)) for name, render in offered]
        return tuple(Link(name, *said) for name, said in made if said.text or said.problem)


def check_link(source: str) -> None:
    """Say whether an address can be used as a template.

    Raises:
        BadTemplate: it cannot; the message names the line and the fault.

    """
    _renderer(source)


def _renderer(source: str) -> Callable[[Mapping[str, Any]], Made]:
    if not source.startswith(SCHEMES):
        raise BadTemplate("url, line 1: it must begin with http:// or https://")
    # Few configurations have links, and loading Jinja2 takes as long as a tenth of the start.
    from receiver.channels.templates.compiled import compile_address, render  # noqa: PLC0415

    compiled = compile_address("url", source)
    return lambda data: render(compiled, data)
