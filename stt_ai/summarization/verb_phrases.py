"""What is promised: a verb phrase and a date out of a sentence in English or Spanish."""

import re

from stt_ai.summarization import date_patterns as dates
from stt_ai.summarization import task_words


def content_words(text: str) -> frozenset[str]:
    """Return the stems (five letters at most) of the words that carry meaning."""
    words = re.findall(r"[^\W_]+", text.lower())
    return frozenset(word[:5] for word in words if word not in task_words.STOP and (len(word) > 2 or word.isdigit()))


def after_decline(sentence: str) -> str:
    """ "I can't, but I will …": what comes after the turn."""
    parts = re.split(r"\b(?:but|pero|however|instead)\b", sentence, maxsplit=1, flags=re.IGNORECASE)
    return parts[1] if len(parts) == 2 else ""


def task_of(match: re.Match[str]) -> str:
    """Return the task that the match names."""
    groups = {name: value for name, value in match.groupdict().items() if value}
    if "delivery" in groups:  # "you will have the figure", "I'll have the figure ready"
        return "deliver " + re.sub(r"\b(?:ready|done|finished)\b", "", groups["delivery"])
    if "doing" in groups:
        verb, _, rest = groups["doing"].rstrip(".!?… ").partition(" ")
        return f"{without_ing(verb)} {rest}".strip()
    if "rest" in groups:
        return f"{base(groups['verb'])} {groups['rest']}"
    first = next(
        (groups[name] for name in ("present", "stressed", "clitic", "timed", "begins", "second") if name in groups), ""
    )
    if first:
        verb, _, rest = first.rstrip(".!?… ").partition(" ")
        verb = verb.rstrip(",")
        task = f"{infinitive(verb)}{groups.get('clitic_object', '').lower()} {rest} {groups.get('object', '')}"
        return " ".join(task.split())
    return next(iter(value for name, value in groups.items() if name != "who"))


def task_and_when(text: str) -> tuple[str, str]:
    """Return a verb phrase without its date, and the date."""
    text, *rest = (part.strip(" ,") for part in task_words.CLAUSE.split(text.strip().rstrip(".!?… "), maxsplit=1))
    found = list(dates.WHEN.finditer(text))
    later = dates.WHEN.search(rest[0]) if rest else None
    when = clean_when(later[0]) if later and not found else ""
    if found:
        last = found[-1]
        preposition = re.match(
            r"(?:by|before|until|on|for|para|antes|hasta|el|no later)\b", last[0].strip(), re.IGNORECASE
        )
        at_the_end = len(content_words(text[last.end() :])) == 0
        if preposition or at_the_end or last.start() == 0:
            when = clean_when(last[0])
            text = f"{text[: last.start()].rstrip(' ,')} {text[last.end() :].lstrip(' ,')}".strip()
    return tidy(task_words.TAIL.sub("", task_words.FILLER.sub("", text)).strip(" ,")), when


def tidy(task: str) -> str:
    """Return a task without "you" and "me", and with a Spanish verb in its infinitive."""
    task = re.sub(
        r"\b(tell|send|give|show|bring|get|email|write) (?:you|me|us)\b(?= (?!to\b)\w)",
        r"\1",
        task,
        flags=re.IGNORECASE,
    )
    task = re.sub(r" to (?:me|us|you)$", "", re.sub(r"\bmy\b", "the", task))
    task = re.sub(r"^(\w+r)(?:me|nos|te|os)\b", r"\1", task)
    task = re.sub(r"^(\w+)([áéí])r(?:me|nos|te|os|se)(l[ao]s?)\b", _plain_enclitic, task)
    verb = re.match(r"((?:te|os|les?) )?(\w+r)é\b", task, re.IGNORECASE)
    if verb:
        task = task_words.IRREGULAR.get(verb[2].lower(), verb[2].lower()) + task[verb.end() :]
    task = re.sub(r"^(\w+) (?:tú|yo)\b", r"\1", task)
    return task[:1].lower() + task[1:]


def _plain_enclitic(match: re.Match[str]) -> str:
    """Return "apuntarla" for "apuntármela"."""
    return f"{match[1]}{'aei'['áéí'.index(match[2])]}r{match[3]}"


def clean_when(when: str) -> str:
    """Return when a task is due, worded to stand alone."""
    when = re.sub(r"^in\s+(?=tomorrow|today)", "", when.strip(" ,"), flags=re.IGNORECASE)
    when = re.sub(r"^(?:Today|Tonight|Tomorrow|Hoy|Mañana)\b", lambda word: word[0].lower(), when)
    when = re.sub(r"^(?:at|in)\s+(?=lunch|the end)", "by ", when, flags=re.IGNORECASE)
    return re.sub(r"^[A-ZÁÉÍÓÚ](?=[a-záéíóú]{1,6} )", lambda first: first[0].lower(), when) if " " in when else when


def is_deictic(task: str) -> bool:
    """Return whether the task only points at something, such as `do that`."""
    return bool(task_words.DEICTIC.search(task)) and len(content_words(task)) <= 3


def base(verb: str) -> str:
    """Return the infinitive of an English verb's third person."""
    if re.search(r"(?:s|x|z|ch|sh|o)es$", verb):
        return verb[:-2]
    return verb[:-3] + "y" if verb.endswith("ies") else verb[:-1]


def without_ing(gerund: str) -> str:
    """Return the infinitive of an English gerund, by the rules of its spelling."""
    stem = gerund[:-3]
    if re.search(r"([bdgmnprt])\1$", stem):
        return stem[:-1]
    silent = re.search(
        r"(?:(?:[^aeiou]|qu|^)[aeiou][bcdgklmnprstvz]|[bckdtpgz]l|[nlr]c|rg|ang|[lr]v|[nr]s|[aeiou]{2}[svz]|re?at|u)$",
        stem,
    )
    plain = re.search(
        r"(?:er|en|or|op|on|et|el|(?<!r)(?<!b)(?<!qu)(?<!un)(?<!v)it|visit|treat|ain|all|ell|ill|ss)$", stem
    )
    return stem + "e" if silent and not plain else stem


def infinitive(verb: str) -> str:
    """Return the infinitive of a Spanish verb's singular in the present."""
    verb = verb.lower()
    first_person = re.sub(r"[ae]s?$", "o", verb)
    regular = re.sub(r"es?$", "er", re.sub(r"(?:o|as?)$", "ar", verb))
    return task_words.PRESENT.get(
        first_person, re.sub(r"[íú](?=ar$)", lambda accent: "iu"["íú".index(accent[0])], regular)
    )
