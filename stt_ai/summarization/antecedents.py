"""What the "it" of a promise stands for."""

import re
from collections.abc import Sequence
from dataclasses import replace

from stt_ai.summarization import date_patterns as dates
from stt_ai.summarization import task_words
from stt_ai.summarization.commitment import Commitment
from stt_ai.summarization.turns import Turn
from stt_ai.summarization.verb_phrases import content_words, tidy

_ABOUT = frozenset(
    """
    from of during before after since until than like without in on into what such no not de del desde durante sin
    """.split()  # noqa: SIM905
)
"""What stands behind these describes the thing that is spoken of, and is none itself."""
_OF_A_MATTER = re.compile(r"\b(?:on|about|for|with|to|after|of) (?:that|this)\b", re.IGNORECASE)
"""A "that" of what was said, and of no thing."""
_IS_OWNED = re.compile(r"^ (?!\w+(?:ing|ed)\b|not\b|the\b|an?\b|in\b|on\b|at\b)[^\W\d_]")
"""Behind an apostrophe and an s: something of somebody's."""
_PERSON = re.compile(
    r"\b(?:managers?|boss(?:es)?|directors?|clients?|customers?|doctors?|brokers?|lawyers?|accountants?|colleagues?|"
    r"neighbou?rs?|friends?|wi(?:fe|ves)|husbands?|sisters?|brothers?|mothers?|fathers?|sons?|daughters?|men|man|"
    r"wom[ae]n|guys?|people|jef[ea]s?|director(?:a|es)?|client[ea]s?|vecin[oa]s?|amig[oa]s?|herman[oa]s?|hij[oa]s?)$",
    re.IGNORECASE,
)
"""No "it"."""


def name_the_thing(made: Commitment, turns: Sequence[Turn], language: str) -> Commitment:
    """Return ``made`` with its "it" replaced by what was spoken of, if that is found within two turns before."""
    match = task_words.DEICTIC.search(made.task)
    if not made.deictic or match is None or _OF_A_MATTER.search(made.task):
        return made
    plural = match[0].lower() in ("them", "those", "los", "las")
    first = re.escape(made.task.split()[0])
    own: list[str] = []
    for sentence in turns[made.turn].sentences:
        if promised := re.search(rf"\b{first}\b", sentence):
            own.append(sentence[: promised.start()])
            break
        own.append(sentence)
    before = [
        re.split(rf"\b{first} {match[0]}\b", sentence)[0]  # no "it" stands for what comes after it
        for turn in turns[max(0, made.turn - 2) : made.turn]
        for sentence in turn.sentences
    ]
    for sentence in reversed([*before, *own]):
        thing = _thing(sentence, language, plural)
        if thing and not content_words(thing) & content_words(made.task):
            return replace(made, task=_put(thing, made.task, language), deictic=False)
    return made


def _thing(sentence: str, language: str, plural: bool) -> str:
    """Return the first noun phrase of a sentence that fits: a determiner and up to three words behind it."""
    words = re.findall(r"[^\W_]+(?:[’'-][^\W_]+)*|[,.;:?!]", dates.WHEN.sub(",", sentence))
    determiners = task_words.DETERMINERS[language]
    for at, word in enumerate(words):
        if word.lower() not in determiners or (at and words[at - 1].lower() in _ABOUT):
            continue
        phrase = []
        for following in words[at + 1 : at + 4]:
            if following.lower() in task_words.STOP or not following[0].isalnum() or task_words.VERB.match(following):
                break
            if re.search(r"['’]s$", following) and not _IS_OWNED.search(
                " ".join(words[at + 1 :]).partition(following)[2]
            ):
                phrase.append(following[:-2])  # "the plan's going": is
                break
            phrase.append(following)
        if (
            not phrase
            or phrase[-1].lower() in task_words.NO_THING
            or _PERSON.search(phrase[-1])
            or phrase[-1].endswith("s") != plural
        ):
            continue
        determiner = {"my": "the", "your": "the", "our": "the", "their": "the", "a": "the", "an": "the"}.get(
            word.lower(), word.lower()
        )
        return " ".join([determiner, *phrase])
    return ""


def _put(thing: str, task: str, language: str) -> str:
    if language == "en":
        return task_words.DEICTIC.sub(thing, task, count=1)
    return tidy(re.sub(r"^(?:lo|la|los|las)\s+(\w+)", rf"\1 {thing}", task, count=1, flags=re.IGNORECASE))
