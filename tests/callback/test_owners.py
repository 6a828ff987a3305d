"""Handing over, and notes: from the card's form, and from replies in its thread."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.callback.desk import ThreadReply, note_id
from receiver.channels.feishu.value import NOTE_FIELD, PERSON_FIELD, action_value
from receiver.domain.action import Action, ActionKind
from receiver.domain.decide import decide
from receiver.domain.notes import NOTE_LIMIT, NOTES_KEPT
from receiver.domain.ownership import owners
from receiver.domain.reason import ActionReason
from tests.callback.bench import LI, Bench, bench, clicked
from tests.callback.test_endpoint import send
from tests.domain.made import NOW, alert, notice, world

HAND, NOTE = ActionKind.HAND_OVER, ActionKind.NOTE


async def message_of(at: Bench) -> str:
    """Return the message that shows the card."""
    (card,) = await at.store.cards(1)
    return card.message_id


def reply(message_id: str, *thread: str, text: str = "looking") -> ThreadReply:
    """Return what somebody wrote in a thread."""
    return ThreadReply(message_id, thread, LI, text)


async def texts(at: Bench) -> list[str]:
    """Return the notes that the incident keeps."""
    return [note.text for note in (await at.snapshot()).incident.custody.notes]


async def test_the_person_chosen_in_the_form_leads(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        form = {PERSON_FIELD: "ou_li", NOTE_FIELD: "not sent with this button"}
        document = clicked(action_value(HAND, 1, 1, 1), form_value=form)
        _, answer = await send(at, document)
        assert answer["toast"]["i18n"]["en_us"] == "Handed over to ou_li"
        incident = (await at.snapshot()).incident
        assert [owner.actor.open_id for owner in owners(incident)] == ["ou_li"]
        assert (incident.custody.handed, incident.custody.notes) == (1, ())
        line = (await at.store.timeline(1))[-1]
        assert (line.kind, line.detail, line.actor) == ("hand_over", "ou_li", "ou_han")


@pytest.mark.parametrize(
    "chosen", ["", "all", "ou_", "ou_x></at>", "ou_" + "x" * 65, "on_li", ["ou_li"], True]
)
async def test_what_is_no_person_s_id_takes_nothing_over(tmp_path: Path, chosen: object) -> None:
    async with bench(tmp_path) as at:
        document = clicked(action_value(HAND, 1, 1, 1), form_value={PERSON_FIELD: chosen})
        _, answer = await send(at, document)
        assert answer["toast"]["i18n"]["en_us"] == "Choose first who shall take it over"
        assert (await at.snapshot()).incident.ack is None


async def test_a_note_from_the_form(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        form = {NOTE_FIELD: "disk ordered <at id=all></at>", PERSON_FIELD: "ou_li"}
        _, answer = await send(at, clicked(action_value(NOTE, 1, 1, 1), form_value=form))
        assert answer["toast"]["i18n"]["en_us"] == "Noted"
        assert await texts(at) == ["disk ordered <at id=all></at>"]
        drawn = str(answer["card"])
        assert "Notes: 1" in drawn
        assert "<at id=all>" not in drawn


async def test_a_reply_in_the_card_s_thread_is_a_note_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        root = await message_of(at)
        said = reply("om_reply", root, "om_other")
        found = await asyncio.gather(*(at.desk.note(said, at.channel) for _ in range(5)))
        toasts = sorted(one.toast.en for one in found if one is not None)
        assert toasts == ["Noted", *["This click was handled already"] * 4]
        assert await texts(at) == ["looking"]
        assert [one.content for one in found if one is not None] == [None] * 5
        by_parent = reply("om_second", "om_unknown", root, text="found it")
        assert await at.desk.note(by_parent, at.channel) is not None
        assert await texts(at) == ["looking", "found it"]


async def test_a_reply_to_anything_else_is_no_note(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        assert await at.desk.note(reply("om_reply"), at.channel) is None
        assert await at.desk.note(reply("om_reply", "om_unknown", ""), at.channel) is None
        assert await texts(at) == []


def test_messages_are_told_apart_by_app_and_id() -> None:
    ids = {note_id("ops", "om_1"), note_id("ops", "om_2"), note_id("db", "om_1")}
    assert len(ids) == 3
    assert note_id("ops", "om_1") in ids


@given(st.lists(st.text(max_size=2 * NOTE_LIMIT), max_size=2 * NOTES_KEPT))
def test_notes_are_bounded_and_the_newest_stay(written: list[str]) -> None:
    known, kept = world(notice(alert())).known, list[str]()
    for at, text in enumerate(written):
        action = Action(id=str(at), kind=NOTE, incident=1, actor=LI, at=NOW, comment=text)
        verdict = decide(known, (), action, NOW)
        if not text.strip():
            assert verdict.reason is ActionReason.NOTHING_WRITTEN
            continue
        assert verdict.incident is not None
        known = verdict.incident
        kept.append(text.strip()[:NOTE_LIMIT])
    assert [note.text for note in known.custody.notes] == kept[-NOTES_KEPT:]
    assert known.custody.noted == len(kept)
