"""Who promised what by when: rules on turns, and the meetings of the benchmark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.summarization.commitments import find_commitments
from stt_ai.summarization.completion import Completion
from stt_ai.summarization.grounding import Grounding
from stt_ai.summarization.turns import parse_turns, speakers, split_sentences
from stt_ai.summarization.verb_phrases import without_ing
from tests.benchmarks.meetings import FactedMeeting, Judgement, judge_items, load_meetings


def items(text: str, language: str = "en") -> list[str]:
    return Completion(Grounding(text, language)).action_items("")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann: Hi.\nBob: I'll call the bank on Monday.", ["Bob: call the bank on Monday"]),
        ("Ann: Bob, can you call the bank?\nBob: Sure, tomorrow.", ["Bob: call the bank tomorrow"]),
        ("Ann: Bob, can you call the bank?\nBob: Sorry, I can't.", []),
        ("Ann: Bob, can you call the bank?\nBob: I can't.\nCleo: I'll do it.", ["Cleo: call the bank"]),
        ("Ann: Bob, can you call the bank?\nBob: I can't. Maybe Cleo can do it.\nCleo: Okay.", ["Cleo: call the bank"]),
        ("Ann: Who can call the bank?\nBob: Not me.\nCleo: I'll do it by Friday.", ["Cleo: call the bank by Friday"]),
        (
            "Ann: I'll call the bank manager.\nBob: Fine.\nAnn: I can't call the bank manager after all.\n"
            "Bob: Then I'll do it.",
            ["Bob: call the bank manager"],
        ),
        ("Ann: The contract is ready.\nBob: I will sign it today.", ["Bob: sign the contract today"]),
        ("Ann: Hi.\nBob: I'll call at noon, and if nobody answers I'll wait.", ["Bob: call at noon"]),
        ("Ann: I'll be late.\nBob: I think it will rain.", []),
        ("Ann: I won't call the bank.\nBob: I'll never understand that.", []),
        ("Ann: Will I call the bank?\nBob: Can I call the bank?", []),
        ("Ann: Cleo must call the bank before Friday.\nBob: Right.", ["Cleo: call the bank before Friday"]),
        ("Ann: Revenue must grow.\nBob: Our revenue is flat. Everyone must call the bank.", []),
        ("Ann: Who's reviewing the patch?\nBob: Give it to me.", ["Bob: review the patch"]),
        ("Ann: Hi.\nBob: Today I'm writing a letter to the bank.", ["Bob: write a letter to the bank today"]),
        ("Ann: Hi.\nBob: I'm writing a letter to the bank.", []),
        ("Ann: Where is it?\nBob: When guests come, I have to show them the garden.", []),
        (
            "Ann: Cleo is busy.\nBob: I could squeeze it in.\nAnn: Bob paints. Bob does the fence then.",
            ["Bob: do the fence"],
        ),
        (
            "Ann: If you could just send us the reading on Monday, that helps.\nBob: Fine, I'll do that.",
            ["Bob: send the reading on Monday"],
        ),
        ("Ann: I need the list.\nBob: I'll put you in touch with Cleo.", ["Bob: put Ann in touch with Cleo"]),
        ("Ann: Hi.\nBob: I'll sign the lease. You'll have the copy on Friday.", ["Bob: sign the lease on Friday"]),
        ("Ann: Could one of you call the bank?\nBob: Happy to do that.", ["Bob: call the bank"]),
        ("Ann: We need music.\nBob: I could ask my cousin.\nAnn: That would be lovely.", ["Bob: ask the cousin"]),
        ("Ann: We need music.\nBob: I could ask my cousin.\nAnn: It's 200 euros.", []),
        ("Ann: Nice hat.\nBob: I have to laugh whenever I see it.", []),
        ("Ann: Who paid?\nBob: I thought, I'm going to sell the car.", []),
        ("Ann: What will you do?\nBob: People who look at a clock will wait.", []),
        (
            "Ann: And the roof?\nBob: Today I want to finish the letter to the bank.",
            ["Bob: finish the letter to the bank today"],
        ),
        ("Ann: Hi.\nBob: On Monday I'll call the bank.", ["Bob: call the bank on Monday"]),
        ("Ann: Hi.\nBob: I'll call the bank on Monday. Tuesday, I mean.", ["Bob: call the bank on Tuesday"]),
        ("Ann: Hi.\nBob: I'll call the bank tonight, I mean tomorrow.", ["Bob: call the bank tomorrow"]),
        ("Ann: Hi.\nBob: I'll call the — no, sorry, I'll write to the bank.", ["Bob: write to the bank"]),
        ("Ann: Hi.\nBob: I'll write to the —\nAnn: Stop!", []),
        ("Ann: Bob, can you call the bank?\nBob: I can't. Cleo?\nCleo: I suppose I can.", ["Cleo: call the bank"]),
        (
            "Ann: Who brings the chairs?\nBob: I'll bring them. No, wait, I haven't got the car. Cleo?\n"
            "Cleo: Sure, I will.",
            ["Cleo: bring the chairs"],
        ),
        ("Ann: Hi.\nBob: I'll call the bank. Oh, hang on, that's not for me to do.", []),
        ("Ann: Hi.\nBob: I'll call the bank. Actually, it's not far.\nAnn: Fine.", ["Bob: call the bank"]),
        (
            "Ann: Hi.\nBob: I'll call the bank on Monday. Wait, not on Monday, on Tuesday.",
            ["Bob: call the bank on Tuesday"],
        ),
        ("Ann: Bob, can you call the bank?\nBob: Can't Cleo do that?\nCleo: Sure.", ["Cleo: call the bank"]),
        ("Ann: Bob, you order the chairs.\nBob: Deal.", ["Bob: order the chairs"]),
        ("Ann: Send the receipts to us within two weeks.\nBob: I will.", ["Bob: send the receipts within two weeks"]),
        ("Ann: Otherwise we have to charge 80 euros.\nBob: Okay, I'll do that.", ["Bob: take care of it"]),
        ("Ann: I said no. I'll call the bank.\nBob: Fine.", ["Ann: call the bank"]),
        (
            "Ann: Can you fix the car?\nBob: Which one?\nAnn: The red one. Can you call the bank?\nBob: Sure.",
            ["Bob: call the bank"],
        ),
        (
            "Ann: How did it begin?\nBob: By accident.\nAnn: Was it hard?\nBob: Very.\nAnn: And now?\n"
            "Bob: It's spring.\nAnn: Will you retire?\nBob: I will stop when I drop.",
            [],
        ),
    ],
)
def test_a_promise_is_its_makers(text: str, expected: list[str]) -> None:
    assert items(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana: Luis, ¿puedes llamar al banco?\nLuis: Sí, claro, mañana.", ["Luis: llamar al banco mañana"]),
        (
            "Ana: Luis, ¿puedes llamar al banco?\nLuis: Lo siento, no puedo.\nEva: Yo me encargo.",
            ["Eva: llamar al banco"],
        ),
        ("Ana: Hola.\nLuis: Enviaré el informe el lunes.", ["Luis: enviar el informe el lunes"]),
        ("Ana: ¿Y el banco?\nLuis: Ya miro yo la cuenta esta noche.", ["Luis: mirar la cuenta esta noche"]),
        ("Ana: ¿Y el banco?\nLuis: Le pido una cita al banco.", ["Luis: pedir una cita al banco"]),
        ("Ana: Hola.\nLuis: Voy a llamar al banco. No, espera, no tengo tiempo.", []),
        (
            "Ana: Hola.\nLuis: Voy a llamar al banco el lunes. No el lunes, el martes.",
            ["Luis: llamar al banco el martes"],
        ),
        ("Ana: Estoy enferma.\nLuis: Lo siento, te creo.", []),
        ("Ana: ¿Y Eva?\nLuis: Yo la conozco, la llamo hoy mismo.", ["Luis: llamarla hoy mismo"]),
        ("Ana: ¿Y el banco?\nLuis: Todavía no. Los llamo en cuanto pueda.", ["Luis: llamarlos en cuanto pueda"]),
        ("Ana: Luis, ¿les pides una oferta?\nLuis: Claro, esta tarde.", ["Luis: pedir una oferta esta tarde"]),
        ("Ana: ¿Quién hace el cartel?\nLuis: Lo intento.", ["Luis: hacer el cartel"]),
        ("Ana: Hola.\nLuis: Los azulejos los elijo yo el lunes.", ["Luis: elegir los azulejos el lunes"]),
        (
            "Ana: Hola.\nLuis: Voy a cambiar la pastilla, y le pido un electro para el día 22.",
            ["Luis: cambiar la pastilla", "Luis: pedir un electro para el día 22"],
        ),
    ],
)
def test_promises_are_understood_in_spanish(text: str, expected: list[str]) -> None:
    assert items(text, "es") == expected


@pytest.mark.parametrize("name", ["meetings", "formerly_held_out"])
def test_the_meetings_promises_are_found_and_given_to_nobody_else(name: str) -> None:
    judged = Judgement()
    for meeting in load_meetings(name):
        lines = "\n".join(f"- {item}" for item in items(meeting.text, meeting.language))
        judged += judge_items(meeting, lines)
    assert judged.wrong_person == 0, judged.notes
    assert judged.kept >= 0.9 * judged.expected, judged.notes
    assert judged.dated >= 0.9 * judged.with_dates, judged.notes
    assert judged.invented <= 0.1 * judged.lines, judged.notes


@pytest.mark.parametrize("meeting", load_meetings(), ids=lambda meeting: meeting.id)
def test_renamed_people_keep_their_promises(meeting: FactedMeeting) -> None:
    """No rule looks at what a person is called."""
    text, names = meeting.text, {}
    for number, person in enumerate(meeting.people):
        names[person] = f"Person{chr(65 + number)}"
        text = text.replace(person, names[person]).replace(person.removeprefix("Dr. "), names[person])
    before = find_commitments(parse_turns(meeting.text), meeting.language)
    after = find_commitments(parse_turns(text), meeting.language)
    assert [names[made.owner] for made in before] == [made.owner for made in after]


@given(st.text(st.sampled_from("AB:. \nI'll do it?Sure,no"), max_size=300))
def test_no_text_is_too_odd(text: str) -> None:
    turns = parse_turns(text)
    assert all(made.owner in speakers(turns) for made in find_commitments(turns, "en"))


def test_turns_are_found_by_labels_in_front_of_lines_or_sentences() -> None:
    lines = "Speaker 1: One. Two.\nthree\nSpeaker 2: Four."
    assert [(turn.speaker, turn.text) for turn in parse_turns(lines)] == [
        ("Speaker 1", "One. Two. three"),
        ("Speaker 2", "Four."),
    ]
    assert speakers(parse_turns("Alice: We are done. Bob: I will send it. Alice: Good.")) == ("Alice", "Bob")
    assert parse_turns("Emma will send it. The plan: we go on.") == ()
    assert parse_turns("Agenda: this\nNote: that") == ()


def test_sentences_do_not_end_behind_abbreviations_and_in_numbers() -> None:
    assert split_sentences("Dr. Who paid 3.5 euros. ¿Sí? Yes!") == ("Dr. Who paid 3.5 euros.", "¿Sí?", "Yes!")


VERBS = """
write make take update prepare hire visit edit open cover call send bring change fix clean talk look handle finalize
resolve move use create merge treat repeat quote close schedule drive review arrange
"""


@pytest.mark.parametrize("verb", VERBS.split())
def test_a_gerund_goes_back_to_its_verb(verb: str) -> None:
    assert without_ing(verb.removesuffix("e") + "ing") == verb


def test_a_doubled_consonant_is_taken_back_with_the_ending() -> None:
    assert [without_ing(gerund) for gerund in ("setting", "running", "planning")] == ["set", "run", "plan"]


def test_a_task_of_other_numbers_is_another_task() -> None:
    text = "\n".join(f"Person{number % 40}: I will call bank {number} about loan {number}." for number in range(400))
    assert len(items(text)) == 400
