"""The short messages: the reply that calls people back to a card, and the card told as text."""

from receiver.channels.base import View
from receiver.channels.feishu.facts import Facts, gather
from receiver.channels.feishu.header import Speech, severity_words, speech, state_words
from receiver.channels.feishu.markdown import known_people
from receiver.channels.feishu.size import Json, written
from receiver.channels.feishu.text import bare
from receiver.domain.reason import CardReason
from receiver.phrases import Phrase, Said, say

TITLE_LIMIT = 120
LINE_LIMIT = 300
PEOPLE_MOST = 20


def render_reply(view: View) -> str:
    """Return a post in both languages: why, what, how many, and whom it calls."""
    facts = gather(view)
    said = speech(view, facts)
    why, what = _why(view, facts), said.preview
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


def _why(view: View, facts: Facts) -> Said:
    match view.reason:
        case CardReason.REOPENED:
            return say(Phrase.CALL_REOPENED)
        case CardReason.NEW_ALERTS:
            return say(Phrase.CALL_NEW, count=facts.new)
        case CardReason.SEVERITY_RAISED:
            name = severity_words(facts)
            zh, en = (say(Phrase.CALL_RAISED, severity=bare(text, 30)) for text in name)
            return Said(zh.zh_cn, en.en_us)
        case CardReason.REPEAT:
            return say(Phrase.CALL_REPEAT)
        case CardReason.SILENCE_FAILED:
            return say(Phrase.CALL_SILENCE_FAILED)
        case _:
            return state_words(view, facts)


def text_message(view: View, said: Speech, *, calls: bool) -> str:
    """Return the card as a text, the last step of the ladder: nothing in it can be refused."""
    lines = [bare(said.preview.zh_cn, LINE_LIMIT)]
    if said.preview.en_us != said.preview.zh_cn:
        lines.append(bare(said.preview.en_us, LINE_LIMIT))
    people = known_people(view.people)[:PEOPLE_MOST] if calls else []
    if people:
        lines.append(" ".join(f'<at user_id="{who}"></at>' for who in people))
    return written({"msg_type": "text", "content": {"text": "\n".join(lines)}}).decode()
