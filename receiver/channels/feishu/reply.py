"""The short messages: the reply that calls people back to a card, and the card told as text."""

from collections.abc import Sequence

from receiver.channels.base import View
from receiver.channels.feishu.digest_glance import look
from receiver.channels.feishu.digest_words import speech as digest_speech
from receiver.channels.feishu.facts import Facts, gather
from receiver.channels.feishu.header import Speech, flaps, severity_words, speech, state_words
from receiver.channels.feishu.markdown import known_people
from receiver.channels.feishu.size import Json, written
from receiver.channels.feishu.text import bare
from receiver.domain.incident import flapping
from receiver.domain.reason import CardReason
from receiver.phrases import Phrase, Said, say

TITLE_LIMIT = 120
LINE_LIMIT = 300
MORE_LIMIT = 12_000  # of a line that names many
PEOPLE_MOST = 20


def render_reply(view: View) -> str:
    """Return a post in both languages: why, what, how many, and whom it calls."""
    facts = gather(view)
    why, what = _why(view, facts), _speech(view, facts).preview
    people = known_people(view.people)[:PEOPLE_MOST] if not view.card.mentions_dropped else []
    ats: list[Json] = [{"tag": "at", "user_id": who} for who in people]
    post = {}
    for at, language in enumerate(Said._fields):
        first: list[Json] = [
            {"tag": "text", "text": f"{why[at]} · "},
            {"tag": "text", "text": bare(what[at], LINE_LIMIT)},
        ]
        post[language] = {"title": "", "content": [first, ats] if ats else [first]}
    return written({"msg_type": "post", "content": post}).decode()


def _speech(view: View, facts: Facts) -> Speech:
    return speech(view, facts) if view.digest is None else digest_speech(look(view, view.digest))


_PHRASES = {
    CardReason.REOPENED: Phrase.CALL_REOPENED,
    CardReason.FLAPPING: Phrase.CALL_REOPENED,
    CardReason.REPEAT: Phrase.CALL_REPEAT,
    CardReason.LAPSED: Phrase.CALL_LAPSED,
    CardReason.ESCALATED: Phrase.CALL_ESCALATED,
    CardReason.REMINDED: Phrase.CALL_REMINDED,
    CardReason.HANDED_OVER: Phrase.CALL_HANDED_OVER,
    CardReason.SILENCE_FAILED: Phrase.CALL_SILENCE_FAILED,
}


def _why(view: View, facts: Facts) -> Said:
    key = _PHRASES.get(view.reason)
    if key is Phrase.CALL_REOPENED and flapping(view.incident, view.now):
        return flaps(Phrase.CALL_FLAPPING, view.incident)
    if key is not None:
        return say(key)
    if view.reason is CardReason.NEW_ALERTS:
        return say(Phrase.CALL_NEW, count=facts.new)
    if view.reason is CardReason.SEVERITY_RAISED:
        zh, en = (bare(text, 30) for text in severity_words(facts))
        return Said(
            say(Phrase.CALL_RAISED, severity=zh).zh_cn, say(Phrase.CALL_RAISED, severity=en).en_us
        )
    return state_words(view, facts)


def text_message(view: View, said: Speech, *, calls: bool, more: Sequence[str] = ()) -> str:
    """Return the card as a text, the last step of the ladder: nothing in it can be refused.

    The lines of ``more`` follow; they must be plain lines.
    """
    lines = [bare(said.preview.zh_cn, LINE_LIMIT)]
    if said.preview.en_us != said.preview.zh_cn:
        lines.append(bare(said.preview.en_us, LINE_LIMIT))
    lines += (bare(line, MORE_LIMIT) for line in more)
    people = known_people(view.people)[:PEOPLE_MOST] if calls else []
    if people:
        lines.append(" ".join(f'<at user_id="{who}"></at>' for who in people))
    return written({"msg_type": "text", "content": {"text": "\n".join(lines)}}).decode()
