"""Regular expressions that anybody may write: tried in linear time, whatever they are and meet."""

import re

from receiver.domain.matcher import BadMatcher

# Text and what it may be escaped by, a wildcard, or what parts alternatives.
_TOKEN = re.compile(
    r"(?P<wild>\.[*+]?)|(?P<bar>\|)|\\(?P<escaped>\W)|(?P<text>[^\\.|*+?()\[\]{}^$])"
)


def wildcard(text: str) -> re.Pattern[str]:
    """Compile an expression of text, ``|``, ``.``, ``.*`` and ``.+``.

    Anything more could take years to try. Where something has been found between wildcards is
    never reconsidered: what is found first leaves the most to what follows.

    Raises:
        BadMatcher: there is more in it.

    """
    branches: list[list[str]] = [[""]]  # each as its parts between wildcards of any length
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadMatcher(f"{text!r} may have text, |, ., .* and .+ alone; escape signs by \\")
        at = found.end()
        parts = branches[-1]
        if found["bar"]:
            branches.append([""])
        elif found["wild"]:
            parts[-1] += "" if found["wild"] == ".*" else "."
            parts += [""] if len(found["wild"]) > 1 else []
        else:
            parts[-1] += re.escape(found["escaped"] or found["text"])
    return re.compile("|".join(_branch(parts) for parts in branches), re.DOTALL)


def _branch(parts: list[str]) -> str:
    first, *others = parts
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>.*?{part})" for part in middle if part) + f".*{last}"
