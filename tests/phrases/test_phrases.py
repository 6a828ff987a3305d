"""Every language says everything, with the same values."""

import string

import pytest

from receiver.domain.silence import DURATIONS
from receiver.phrases import EN_US, ZH_CN, Phrase, Said, say, severity

LANGUAGES = {"zh_cn": ZH_CN, "en_us": EN_US}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_a_text_for_every_key_and_no_other(language: str) -> None:
    assert set(LANGUAGES[language]) == set(Phrase)
    assert all(text.strip() == text and text for text in LANGUAGES[language].values())


@pytest.mark.parametrize("phrase", Phrase)
def test_both_languages_take_the_same_values(phrase: Phrase) -> None:
    assert fields(ZH_CN[phrase]) == fields(EN_US[phrase])


@pytest.mark.parametrize("phrase", Phrase)
def test_markup_is_the_same_in_both_languages(phrase: Phrase) -> None:
    assert ZH_CN[phrase].count("**") == EN_US[phrase].count("**")
    assert "<" not in ZH_CN[phrase] + EN_US[phrase]


def test_chinese_is_chinese() -> None:
    spoken = [text for key, text in ZH_CN.items() if fields(text) != {"state"}]
    neutral = [text for text in spoken if not any("\u4e00" <= sign <= "\u9fff" for sign in text)]
    assert neutral == [ZH_CN[Phrase.PREVIEW_NOTE]]


def test_values_are_taken_as_they_are() -> None:
    said = say(Phrase.CALL_STATE, state="{0.__class__} {state}")
    assert said == Said("{0.__class__} {state}", "{0.__class__} {state}")


def test_a_missing_value_is_a_fault() -> None:
    with pytest.raises(KeyError):
        say(Phrase.NEW, other=1)


def test_each_duration_has_words() -> None:
    assert {Phrase(name) for name in DURATIONS} <= set(Phrase)


def test_an_unknown_severity_is_shown_as_it_is() -> None:
    assert severity("P1") == Said("P1", "P1")
    assert severity("critical") == Said("严重", "critical")


def test_the_words_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        ZH_CN[Phrase.MORE] = ""  # type: ignore[index]
