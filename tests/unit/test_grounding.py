"""What the text does not put together is left out of a summary or mended."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.errors import Unavailable
from stt_ai.summarization.completion import Completion
from stt_ai.summarization.grounding import Grounding
from stt_ai.types import SummaryStyle
from tests.benchmarks.meetings import load_meetings

MEETING = """\
Alice: The repair costs 4,200 euros. Bob, can you update the test server?
Bob: Sorry, I am on holiday. Maybe Erin can do it.
Erin: Sure, I'll update the test server on Monday.
Alice: I will book the meeting room at the Plaza tomorrow."""


def checked(summary: str, style: SummaryStyle = SummaryStyle.BRIEF, text: str = MEETING, language: str = "en") -> str:
    return Grounding(text, language).check(summary, style)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("The repair costs 4,200 euros.", "The repair costs 4,200 euros."),
        ("The repair costs 4200 euros.", "The repair costs 4200 euros."),
        ("The repair costs 5,200 euros.", ""),
        ("We spoke with Frank about the repair.", ""),
        ("Bob will update the test server on Monday.", "Erin will update the test server on Monday."),
        ("Erin will book the meeting room.", "Alice will book the meeting room."),
        ("Bob is on holiday.", "Bob is on holiday."),
        ("Bob: Sorry, I am on holiday.", ""),
        ("I will book the meeting room.", ""),
        ("Can you update the test server?", ""),
        ("Bob will paint the garden fence.", ""),
        ("Erin described the castle of the queen.", ""),
        ("The castle of the queen was sold to a prince.", ""),
        ("The repair takes seven weeks.", ""),
        ("The repair costs 4,200 euros on Friday.", ""),
        ("Erin said great, thank you.", ""),
        ("Zoe: The repair costs 4,200 euros.", "The repair costs 4,200 euros."),
        ("Alice asked Bob to update the test server.", "Alice asked Bob to update the test server."),
        ("Alice asked Erin to update the test server.", ""),
        ("Bob updates the test server.", ""),
        ("Bob does not update the test server.", "Bob does not update the test server."),
    ],
)
def test_a_sentence_stands_mended_or_not_at_all(written: str, kept: str) -> None:
    assert checked(written) == kept


def test_lines_and_paragraphs_keep_their_form() -> None:
    assert checked("- The repair costs 4,200 euros.\n- It costs 7 euros.", SummaryStyle.BULLET_POINTS) == (
        "- The repair costs 4,200 euros."
    )
    paragraphs = "The repair costs 4,200 euros. It costs 7 euros.\n\nIt costs 8 euros.\n\nBob is on holiday."
    assert checked(paragraphs, SummaryStyle.DETAILED) == "The repair costs 4,200 euros.\n\nBob is on holiday."


def test_a_forgotten_promise_is_added_and_a_reported_one_is_not() -> None:
    completion = Completion(Grounding(MEETING, "en"))
    summary = "The repair costs 4,200 euros. Erin will update the test server on Monday."
    assert completion.closing(summary, SummaryStyle.BRIEF) == (
        "Next steps: Alice: book the meeting room at the Plaza tomorrow."
    )
    points = f"- {summary}\n- {completion.closing(summary, SummaryStyle.BULLET_POINTS)[2:]}"
    assert points.endswith("- Alice will book the meeting room at the Plaza tomorrow.")
    assert completion.closing(points, SummaryStyle.BULLET_POINTS) == ""


def test_a_forgotten_number_is_reported_as_it_was_said() -> None:
    closing = Completion(Grounding(MEETING, "en")).closing("- Bob is on holiday.", SummaryStyle.BULLET_POINTS)
    assert closing.splitlines()[0] == "- The repair costs 4,200 euros."


def test_the_models_words_count_only_for_an_it_of_the_same_person() -> None:
    text = "Ann: Where is he?\nBob: No idea. I will phone them and ask on Friday."
    completion = Completion(Grounding(text, "en"))
    assert completion.action_items("- Ann: phone them and ask on Friday") == ["Bob: phone them and ask on Friday"]
    assert completion.action_items("- Bob: phone the idea and ask on Friday") == [
        "Bob: phone the idea and ask on Friday"
    ]
    assert completion.action_items("- Bob: phone the police and ask on Friday") == ["Bob: phone them and ask on Friday"]


def test_a_text_without_speakers_or_in_another_language_is_checked_by_names_and_numbers() -> None:
    german = "Der Umzug kostet 900 Euro und Frau Krause ruft morgen an."
    assert checked("Der Umzug kostet 900 Euro.", text=german, language="") == "Der Umzug kostet 900 Euro."
    assert checked("Der Umzug kostet 800 Euro.", text=german, language="") == ""


@pytest.mark.parametrize("meeting", load_meetings(), ids=lambda meeting: meeting.id)
def test_what_is_said_word_for_word_passes(meeting) -> None:  # type: ignore[no-untyped-def]
    """Facts of the text itself that name nobody are never left out: sentences with numbers that are nobody's "I"."""
    grounding = Grounding(meeting.text, meeting.language)
    for line in meeting.text.splitlines():
        said = line.partition(": ")[2].split(". ")[0].rstrip(".") + "."
        fact = re.search(r"\d", said) and not re.search(
            r"\b(?:I|my|me|you|your|you're|let's|please|te|puedo|voy)\b", said, re.I
        )
        if fact and "?" not in said and not any(person in said for person in meeting.people):
            assert grounding.check(said, SummaryStyle.BRIEF), said


@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(SummaryStyle))
def test_a_check_only_takes_away_and_another_changes_nothing(text: str, summary: str, style: SummaryStyle) -> None:
    grounding = Grounding(text, "en")
    once = grounding.check(summary, style)
    assert grounding.check(once, style) == once
    assert set(once.split()) <= {*summary.split(), "-"}


def test_a_person_whom_the_text_does_not_name_does_nothing() -> None:
    text = "Ann: Philip must refuse the pilot before Saturday.\nBob: Fine."
    checked = Grounding(text, "en").check("Daniel must refuse the pilot before Saturday.", SummaryStyle.BRIEF)
    assert checked == ""
    said = "Philip must refuse the pilot before Saturday."
    assert Grounding(text, "en").check(said, SummaryStyle.BRIEF) == said


def test_an_action_item_is_of_something_to_be_done() -> None:
    text = "The bees watched the dancers in the ruins. Oscar will send the report on Monday. Who knows?"
    written = "- The bees watched the dancers in the ruins\n- Oscar: send the report on Monday\n- Who knows?"
    assert checked(written, SummaryStyle.ACTION_ITEMS, text) == "- Oscar: send the report on Monday"


def test_taking_in_a_text_can_be_ended() -> None:
    turns: list[int] = []

    def on_turn() -> None:
        turns.append(1)
        if len(turns) == 3:
            raise Unavailable("ended")

    with pytest.raises(Unavailable):
        Grounding(MEETING * 100, "en", on_turn)
    assert len(turns) == 3


def test_what_people_say_of_themselves_is_told_as_a_quotation() -> None:
    """A conversation of which nothing that the model wrote is true is summarized in its own words."""
    text = "Ann: When did you begin?\nBob: I baked my first bread in 1981.\nAnn: Bread is a slow thing.\nBob: It is."
    completion = Completion(Grounding(text, "en"))
    assert completion.excerpt() == "Bob: “I baked my first bread in 1981.” Ann: “Bread is a slow thing.”"
    assert (
        completion.closing("Bread is slow.", SummaryStyle.BULLET_POINTS) == "- Bob: “I baked my first bread in 1981.”"
    )
