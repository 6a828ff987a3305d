"""What is wrong with a configuration, in words that say how to cure it."""

import re
from typing import NamedTuple

SHOWN_PROBLEMS = 50
_SHOWN_LENGTH = 80
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})://([A-Za-z0-9._\[\]:-]*)")


class Problem(NamedTuple):
    """One thing to cure: the key's path, what stands there (never a secret), and what to do."""

    path: str
    seen: str
    cure: str
    line: int | None = None  # from 1

    def __str__(self) -> str:
        where = self.path or "the file"
        line = "" if self.line is None else f" (line {self.line})"
        return f"{where}{line}: seen {self.seen}; {self.cure}"


class BadConfig(ValueError):
    """A configuration that cannot be used; the text lists every problem."""

    def __init__(self, problems: tuple[Problem, ...], origin: str = "the configuration") -> None:
        super().__init__(problems, origin)
        self.problems = problems
        self.origin = origin

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{self.origin} has {count} problem{'' if count == 1 else 's'}:"]
        lines += [f"  {problem}" for problem in self.problems[:SHOWN_PROBLEMS]]
        if count > SHOWN_PROBLEMS:
            lines.append(f"  and {count - SHOWN_PROBLEMS} more")
        return "\n".join(lines)


def shown(text: str) -> str:
    """Return a value as a message may show it: short, escaped, a URL without what may be secret."""
    if "://" in text:
        return shown_url(text)
    short = text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "…"
    return repr(short)


def shown_url(text: str) -> str:
    """Return a URL's scheme and host alone; a path may be a token, an @ follows a password."""
    if "@" in text:
        return "a URL with an @"
    found = _ORIGIN.match(text)
    if found is None:
        return "a URL" if "://" in text else shown(text)
    rest = "" if found.end() == len(text) else "/…"
    return f"'{found[1]}://{found[2][:_SHOWN_LENGTH]}{rest}'"


def below(path: str, key: str) -> str:
    """Return the path of a key; one with strange characters is quoted."""
    name = key if _KEY.fullmatch(key) else shown(key)
    return f"{path}.{name}" if path else name
