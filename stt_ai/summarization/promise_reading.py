"""A single sentence's promise: whether it holds one, of what, and by when."""

import re

from stt_ai.summarization import date_patterns as dates
from stt_ai.summarization import promise_patterns as patterns
from stt_ai.summarization import task_words
from stt_ai.summarization.verb_phrases import clean_when, task_and_when, task_of


def date_in(text: str) -> str:
    """Return the first date of ``text``, worded to stand alone, or an empty string."""
    found = dates.WHEN.search(text)
    return clean_when(found[0]) if found else ""


def promise_in(sentence: str, language: str) -> re.Match[str] | None:
    """Return the match of a promise in a sentence that neither asks, reports, nor says what is done as a rule."""
    found = patterns.PROMISE[language].search(sentence)
    if found is None or sentence.rstrip().endswith("?"):
        return None
    before = sentence[: found.start()]
    if patterns.NEGATED.search(before[-12:]) or patterns.REPORTED.search(before):
        return None
    if patterns.HABIT.search(before) and not patterns.WILL.match(found[0]):
        return None
    if patterns.WEAK_PROMISE.match(found[0]) and patterns.EVERY_TIME.search(sentence):
        return None
    groups = found.groupdict()
    present = groups.get("doing") or groups.get("timed") or groups.get("begins") or groups.get("delivery")
    soon = dates.WHEN.search(sentence) or dates.SOON.search(sentence)
    for_others = groups.get("doing") and re.search(r"\byour?\b", task_words.CLAUSE.split(present or "")[0])
    if present and not soon and not for_others:
        return None  # "I'm writing a test", "lo escribo": now, and no promise
    return found


def read_promise(promise: re.Match[str], addressee: str) -> tuple[str, str]:
    """Return what is promised, a verb phrase, and by when. ``addressee`` is the "you" in it, if that is known."""
    task, when = task_and_when(task_of(promise))
    if addressee:
        task = re.sub(r"(?<= )you\b(?! (?:all|both|guys))(?= \w)", addressee, task)
    before, groups = promise.string[: promise.start()], promise.groupdict()
    if "timed" in groups:  # Spanish
        task = _with_topic(task, before, promise[0])
    present = groups.get("doing") or groups.get("timed") or groups.get("begins")
    if not when and present and (said := dates.WHEN.search(promise.string)) and said[0].strip() not in task:
        when = clean_when(said[0])
    if not when and (ahead := dates.WHEN_AHEAD.match(before)):
        when = clean_when(ahead["when"])
    return task, when


def tells_a_story(promise: re.Match[str], task: str, when: str) -> bool:
    """Return whether a Spanish present such as "le pregunto", without anything else, may as well belong to a story."""
    return bool(promise.groupdict().get("clitic")) and not when and " " not in task and not _I.search(promise[0])


_I = re.compile(r"\byo\b", re.IGNORECASE)


def _with_topic(task: str, before: str, promised: str) -> str:
    """Return "elegir los azulejos" for "los azulejos los elijo yo"."""
    topic = patterns.TOPIC.search(before)
    if topic is None or not re.match(r"l[ao]s? ", promised, re.IGNORECASE):
        return task
    verb, _, rest = task.partition(" ")
    return f"{re.sub(r'(?<=r)l[ao]s?$', '', verb)} {topic['topic'].lower()} {rest}".strip()
