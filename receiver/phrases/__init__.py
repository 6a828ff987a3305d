"""Our own words, in the languages that a card carries."""

from typing import NamedTuple

from receiver.phrases.en_us import EN_US
from receiver.phrases.key import Phrase
from receiver.phrases.zh_cn import ZH_CN

__all__ = ["EN_US", "ZH_CN", "Phrase", "Said", "say", "severity"]


class Said(NamedTuple):
    """One text in both languages; the reader's client chooses."""

    zh_cn: str
    en_us: str


def say(key: Phrase, **values: str | int) -> Said:
    """Return a phrase with its values filled in; the values are taken as they are.

    Raises:
        KeyError: a value that the phrase names is missing.

    """
    if not values:
        return Said(ZH_CN[key], EN_US[key])
    return Said(ZH_CN[key].format_map(values), EN_US[key].format_map(values))


_SEVERITIES = {
    "critical": Phrase.CRITICAL,
    "error": Phrase.ERROR,
    "warning": Phrase.WARNING,
    "info": Phrase.INFO,
}


def severity(name: str) -> Said:
    """Return what to call a severity; one that we have no word for is shown as it is."""
    key = _SEVERITIES.get(name)
    return Said(name, name) if key is None else say(key)
