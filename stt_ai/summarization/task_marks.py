"""Which sentences of a conversation in German, French, Italian or Portuguese speak of something to be done.

There are no rules for promises in these languages (`stt_ai.summarization.commitments` knows English and Spanish), and a
small model answers with every turn of the transcript. What it copied stays only with a mark of the future, of a duty,
or of the first person's present tense, in which all four promise as well.
"""

import re

_I = re.IGNORECASE
_MARKS = {
    "de": re.compile(
        r"\bich (?!habe|hatte|hätte|würde|glaube|finde|denke|meine|sage|heiße|wohne|arbeite|freue|hoffe|danke|möchte|"
        r"kenne|sehe|höre|verstehe|liebe)\w{2,}e\b|"
        r"\b(?!habe|hatte|hätte|würde|glaube|finde|denke|meine|freue|hoffe|möchte|kenne|sehe|höre|"
        r"verstehe)\w{2,}e ich\b|"
        r"\b(?:ich|wir|er|sie) (?:muss|müssen|soll|sollen|sollte|sollten|wird|werden)\b|\b(?:muss|müssen|"
        r"soll) (?:ich|wir)\b",
        _I,
    ),
    "fr": re.compile(
        r"\bj(?:e |['’])(?:(?:le|la|les|vous|te|lui|leur|me|en|y) |(?:l|t|m|m['’]en)['’]?\s*)*\w+(?:rai|rons)\b|"
        r"\bje vais \w+r\b|\bje m['’](?:en )?(?:occupe|charge)\b|\bje (?:l['’]|(?:le|la|les|vous|te|lui|leur) )\w+e\b|"
        r"\b(?:il faut|doit|dois|devons|devez|doivent)\b",
        _I,
    ),
    "it": re.compile(
        r"\b\w+(?:rò|remo)\b|\bme ne occupo\b|\bci penso io\b|\b(?:devo|deve|dobbiamo|devono|bisogna)\b|"
        r"\b(?:lo|la|li|le|vi|ti|gli) \w{2,}o (?:io|domani|oggi|stasera|entro|subito)\b",
        _I,
    ),
    "pt": re.compile(
        r"\b(?:vou|vamos|vai) \w+r\b|\b\w{2,}(?:rei|remos)\b|\b(?:eu )?(?:trato|fico) d\w+\b|"
        r"\b(?:tenho|tem|temos) (?:de|que) \w+r\b|\b(?:preciso|precisamos|deve|devem|devo)\b",
        _I,
    ),
}


def speaks_of_a_task(sentence: str, language: str) -> bool:
    """Return whether ``sentence`` says that something is to be done; True for all languages that are not known here."""
    marks = _MARKS.get(language)
    return marks is None or (not sentence.rstrip().endswith("?") and bool(marks.search(sentence)))
