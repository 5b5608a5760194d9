"""Meetings with their facts, and how a summary is judged by them."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "meetings"
_NAME = re.compile(r"(?<![.!?…:\n-] )(?<!^)\b[A-ZÁÉÍÓÚÑÜ][^\W\d_]+", re.MULTILINE)
_OWN_WORDS = frozenset({"Next", "Próximos"})
"""Of the service's headings."""


@dataclass(frozen=True, slots=True)
class Promise:
    owner: str
    task: tuple[str, ...]
    when: tuple[str, ...]

    def is_reported_by(self, line: str) -> bool:
        return all(_has(line, words) for words in self.task)


@dataclass(frozen=True, slots=True)
class FactedMeeting:
    id: str
    language: str
    text: str
    promises: tuple[Promise, ...]
    facts: tuple[tuple[str, ...], ...]
    declined: tuple[Promise, ...]

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(re.findall(r"^([^:\n]+?) ?:", self.text, re.MULTILINE)))


@dataclass(slots=True)
class Judgement:
    """Counts.

    Of items: promises kept with the right owner, kept with their date, given to the wrong person, and lines that are
    no promise at all or one listed before. Of other styles: facts and promises kept, and sentences that give a promise
    to the wrong person or hold a number, a name or a day that was not said.
    """

    expected: int = 0
    kept: int = 0
    dated: int = 0
    with_dates: int = 0
    wrong_person: int = 0
    invented: int = 0
    lines: int = 0
    notes: list[str] = field(default_factory=list)

    def __add__(self, other: "Judgement") -> "Judgement":
        names = ("expected", "kept", "dated", "with_dates", "wrong_person", "invented", "lines")
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Judgement(**sums, notes=self.notes + other.notes)


def load_meetings(name: str = "meetings") -> list[FactedMeeting]:
    """Return the conversations of a file: `meetings`, `formerly_held_out`, or `held_out`, which nothing is tuned on."""
    listed = tomllib.loads((FOLDER / f"{name}.toml").read_text())["meeting"]
    return [
        FactedMeeting(
            one["id"],
            one["language"],
            one["text"].strip(),
            tuple(map(_promise, one["promises"])),
            tuple(map(tuple, one["facts"])),
            tuple(map(_promise, one["declined"])),
        )
        for one in listed
    ]


def judge_items(meeting: FactedMeeting, summary: str) -> Judgement:
    """Judge action items: each line by the first promise whose task it names."""
    found = Judgement(expected=len(meeting.promises), with_dates=sum(bool(one.when) for one in meeting.promises))
    open_promises = list(meeting.promises)
    for line in (line for line in summary.splitlines() if line.startswith("- ")):
        found.lines += 1
        reported = [one for one in open_promises if one.is_reported_by(line)]
        right = next((one for one in reported if owner_of(line, meeting) == one.owner), None)
        if right is not None:
            open_promises.remove(right)
            found.kept += 1
            found.dated += bool(right.when) and all(_has(line, word) for word in right.when)
        elif any(one.is_reported_by(line) and one.owner == owner_of(line, meeting) for one in meeting.promises):
            found.invented += 1
            found.notes.append(f"{meeting.id}, twice: {line}")
        elif reported or any(one.is_reported_by(line) for one in (*meeting.promises, *meeting.declined)):
            found.wrong_person += 1
            found.notes.append(f"{meeting.id}, wrong person: {line}")
        else:
            found.invented += 1
            found.notes.append(f"{meeting.id}, no promise: {line}")
    found.notes += [f"{meeting.id}, missing: {one.owner} {one.task}" for one in open_promises]
    return found


def judge_summary(meeting: FactedMeeting, summary: str) -> Judgement:
    """Judge a summary in another style by its facts and promises."""
    sentences = re.split(r"(?<=[.!?;])\s+|\n", summary)
    found = Judgement(expected=len(meeting.facts) + len(meeting.promises), lines=len(sentences))
    found.kept += sum(any(all(_has(one, word) for word in fact) for one in sentences) for fact in meeting.facts)
    for promise in meeting.promises:
        found.kept += any(promise.owner in one and promise.is_reported_by(one) for one in sentences)
    said = {_plain(number) for number in re.findall(r"\d+(?:[.,]\d+)*", meeting.text)}
    for one in sentences:
        reported = [promise for promise in meeting.promises if promise.is_reported_by(one)]
        owner = owner_of(one, meeting)
        refused = any(promise.owner == owner and promise.is_reported_by(one) for promise in meeting.declined)
        negated = re.search(r"\b(?:not|n't|no|declin\w+)\b", one)
        if owner and not negated and (refused or (reported and not any(promise.owner in one for promise in reported))):
            found.wrong_person += 1
            found.notes.append(f"{meeting.id}, wrong person: {one}")
        names = {name for name in _NAME.findall(one) if name not in meeting.text and name not in _OWN_WORDS}
        if names or any(_plain(number) not in said for number in re.findall(r"\d+(?:[.,]\d+)*", one)):
            found.invented += 1
            found.notes.append(f"{meeting.id}, invented: {one}")
    return found


def owner_of(sentence: str, meeting: FactedMeeting) -> str:
    """Return the person who is named first."""
    named = [(sentence.find(name), name) for name in meeting.people if name in sentence]
    return min(named, default=(0, ""))[1]


def _has(line: str, words: str) -> bool:
    return any(re.search(rf"\b{re.escape(word)}", line, re.IGNORECASE) for word in words.split("|"))


def _plain(number: str) -> str:
    return re.sub(r"[.,](?=\d{3}\b)", "", number)


def _promise(given: dict[str, Any]) -> Promise:
    return Promise(given["owner"], tuple(given["task"]), tuple(given.get("when", ())))
