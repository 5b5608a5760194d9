"""Who promised what by when, out of the turns of a conversation in English or Spanish.

A promise counts for the person who makes it: who says "I will", or who is asked and agrees. What is declined does not
count, and what somebody else takes over is theirs. Rules alone decide on the person and the date, since small language
models give a third of all tasks to the wrong person.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stt_ai.speech.turns import Turn, speakers

_I = re.IGNORECASE
_REACH = 4
"""Turns after a request in which its answer is looked for."""

_PROMISE = {
    "en": re.compile(
        r"\b(?:I(?:['’]ll| will| shall)(?: also| then| just| personally| definitely| gladly)?|"
        r"I(?:['’]m| am) going to|I can|I could|let me|I promise to|I(?:['’]d| would) be happy to|I(?:['’]ve| have) to|"
        r"I need to|I must|I(?:['’]d| would) like to)\s+(?P<task>(?!(?:be|have|think|see if|say|ask why|hear|imagine|"
        r"guess|remember|understand|live|never|not|only|miss|wait|like|love|know|need|want|probably be|agree)\b)\w.*)|"
        r"\b(?:I|you)(?:['’]ll| will) (?:have|get) (?P<delivery>(?:the|my|our|a|an) \w.*)",
        _I,
    ),
    "es": re.compile(
        r"(?:\b(?:voy a|puedo|tengo que|debo|me comprometo a)\s+(?P<task>(?!(?:ser|estar|tener|ver si|decir)\b)\w.*)|"
        r"\b(?:me encargo de|me ocupo de|yo me encargo de)\s+(?P<charge>\w.*)|"
        r"\byo (?!creo|pienso|tengo|quiero|no\b|lo\b)(?P<present>\w{3,}o\b (?!yo).*)|"
        r"(?P<future>\b(?!(?:seré|estaré|tendré|iré|podré|habré)\b)(?:(?:lo|la|los|las|te|os|le|les|se lo|se la) )?"
        r"\w{2,}ré\b.*))",
        _I,
    ),
}
_TAKES = {
    "en": re.compile(
        r"\b(?:I(?:['’]ll| will| can| could)(?: happily| gladly)? (?:do|take|handle|take care of|cover|manage|own) "
        r"(?:it|that|this|them|those|care of (?:it|that|this))\b|leave (?:it|that) (?:to|with) me|I(?:['’]m| am) on it|"
        r"consider it done|count on me|I volunteer)",
        _I,
    ),
    "es": re.compile(
        r"\b(?:(?:ya )?(?:lo|la) (?:hago|haré|llevo) yo|yo (?:me encargo(?! de)|me ocupo(?! de)|lo hago|la hago)|"
        r"\b(?:lo|la|los|las) hago\b|de eso me (?:encargo|ocupo)|"
        r"lo haré|me (?:encargo|ocupo)(?: yo)?(?=[.,!]|$)|déjamelo a mí|cuenta conmigo|cuenten conmigo)",
        _I,
    ),
}
_REQUEST = {
    "en": re.compile(
        r"\b(?:can|could|would|will) you(?: please)?\s+(?!(?:hear|see|all hear|imagine|believe|explain|tell me|say|"
        r"remind me)\b)(?P<task>\w.*)|\bplease\s+(?P<order>(?!(?:note|remember|everyone)\b)\w.*)|"
        r"\bI(?:['’]d| would) like you to\s+(?P<wish>\w.*)|\b(?:you should|you need to|you have to)\s+(?P<duty>\w.*)",
        _I,
    ),
    "es": re.compile(
        r"\b(?:puedes|podrías|puede|podría|te importa|quieres)\s+(?P<task>\w+r(?:lo|la|los|las|me|nos|le|les)?\b.*)|"
        r"\bpor favor,?\s+(?P<order>\w.*)|\b(?:tienes que|debes)\s+(?P<duty>\w.*)|\b(?P<wish>encárgate de \w.*)",
        _I,
    ),
}
_OPEN = {
    "en": re.compile(
        r"\b(?:who (?:can|could|will|wants to|is going to|would)\s+(?P<task>\w.*)|"
        r"who (?!wants|is\b|was|has|likes|knows|needs|says)(?P<verb>\w+s) (?P<rest>\w.*)|"
        r"(?:someone|somebody|we) (?:needs? to|has to|have to|must|should)\s+(?P<need>\w.*))",
        _I,
    ),
    "es": re.compile(
        r"¿quién (?:puede|podría|va a|quiere)\s+(?P<task>\w.*)|¿quién se (?:encarga|ocupa) de\s+(?P<verb>\w.*)|"
        r"\b(?:alguien|hay) (?:tiene que|que|debe)\s+(?P<need>\w.*)",
        _I,
    ),
}
_ACCEPTS = {
    "en": re.compile(
        r"^\W*(?:yes|yeah|yep|sure|ok(?:ay)?|of course|absolutely|certainly|will do|no problem|gladly|happy to|fine|"
        r"all right|alright|right|done|definitely|great|good idea|got it|on it|my pleasure|with pleasure)\b",
        _I,
    ),
    "es": re.compile(
        r"^\W*(?:sí|si,|claro|vale|por supuesto|de acuerdo|hecho|perfecto|sin problema|con gusto|desde luego|bueno|"
        r"muy bien|ok|cómo no)\b",
        _I,
    ),
}
_DECLINES = {
    "en": re.compile(
        r"\b(?:I (?:can['’]?t|cannot|can not|couldn['’]t|won['’]t|will not|don['’]t have time|am not able|['’]m not "
        r"able|would rather not)|I['’]m not able|I(?:['’]m| am) (?:on (?:holiday|vacation|leave)|away|out|too busy|"
        r"fully booked|not available)|no time|not me|rather not)\b|^\W*(?:sorry|no\b(?! problem)|unfortunately|"
        r"afraid)",
        _I,
    ),
    "es": re.compile(
        r"\b(?:no puedo|no voy a poder|no podré|no tengo tiempo|estoy de vacaciones|estaré de vacaciones|imposible|"
        r"no llego|no me da tiempo|estoy fuera|yo no)\b|^\W*(?:lo siento|no\b(?! hay problema))",
        _I,
    ),
}
_NEGATED = re.compile(r"\b(?:not|n['’]t|never|no(?! problem| hay problema)|nunca|tampoco)\b", _I)
_WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
_MONTH = (
    r"January|February|March|April|May|June|July|August|September|October|November|December|enero|febrero|marzo|abril|"
    r"mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
_DATE = (
    rf"(?:(?:next |this |el próximo |este )?(?:{_WEEKDAY})"
    rf"(?: the \d{{1,2}}(?:st|nd|rd|th)?| \d{{1,2}}(?: de (?:{_MONTH}))?)?"
    rf"(?: (?:morning|afternoon|evening|night|noon|por la mañana|por la tarde))?(?: at \w+(?: [ap]\.?m\.?)?)?|"
    rf"(?:the )?\d{{1,2}}(?:st|nd|rd|th)(?: of (?:{_MONTH}))?|(?:{_MONTH}) (?:the )?\d{{1,2}}(?:st|nd|rd|th)?|"
    rf"(?:el )?(?:día )?\d{{1,2}} de (?:{_MONTH})|el día \d{{1,2}}|"
    rf"tomorrow(?: morning| afternoon| evening)?|today|tonight|"
    rf"mañana(?: por la (?:mañana|tarde))?|hoy|esta (?:tarde|noche|semana)|"
    rf"(?:the )?end of (?:the |this |next )?(?:day|week|month|quarter|year)|(?:final|finales) de (?:mes|semana|año)|"
    rf"(?:next|this) (?:week|month|year|weekend|morning|afternoon|evening)|"
    rf"the weekend|(?:el|este) fin de semana|la (?:próxima semana|semana que viene)|"
    rf"el (?:próximo mes|mes que viene)|noon|midnight|lunch|(?:{_MONTH})|\d{{1,2}}(?::\d\d)? ?[ap]\.?m\.?)"
)
WHEN = re.compile(
    rf"(?:\b(?:by|before|on|until|no later than|not later than|within|this coming|in|at|para|antes del?|hasta|el|en|"
    rf"a)\s+)?(?:the |el )?\b{_DATE}(?!\w)",
    _I,
)
_ASKS_WHEN = re.compile(r"\b(?:by when|when (?:can|could|will)|until when|para cuándo|cuándo|deadline)\b", _I)
_FILLER = re.compile(r"^(?:please|do is|also|then|just|so|well|still|tú|yo|por favor|también)\s+", _I)
_TAIL = re.compile(
    r"(?:[,;]?\s*(?:then|too|as well|also|please|after all|instead|for (?:you|us)|if you (?:like|want)|right|"
    r"okay|ok|también|entonces|"
    r"por favor|si (?:quieres|queréis)))+$",
    _I,
)
_CLAUSE = re.compile(
    r"(?:;|,? but\b|,? because\b|,? since\b|,? pero\b|,? porque\b|,? so (?:that )?(?:you|we|I)\b|"
    r",? (?:when|once|as soon as) I\b|,? (?:and|y) (?:otherwise |then )?(?:I|yo)\b|"
    r", (?:that|it)['’]s\b|, (?:it|they|we|she|he) (?:has|have|is|are|was|will|would|can)\b|, (?:tengo|es|son|está)\b|"
    r",? cuando\b| — )",
    _I,
)
_ABOUT_IT = re.compile(
    r"\b(?:(?:get|have|do) (?:it|that|them|this)|(?:should|will|would|['’]ll|['’]d) be (?:done|ready|finished)|"
    r"first draft|lo|la|los|las|voy)\b",
    _I,
)
_OFFER = {
    "en": re.compile(r"\b(?:do you want me to|would you like me to|shall I|should I(?: also)?)\s+(?P<task>\w.*)", _I),
    "es": re.compile(r"¿(?:quieres|queréis|quieren) que (?:yo )?(?P<task>\w.*)", _I),
}
_DEICTIC = re.compile(r"\b(?:it|that|this|them|those|one|lo|la|los|las|eso|esto)\b(?! \w+ing)", _I)
_DETERMINERS = {
    "en": frozenset({"the", "our", "your", "my", "a", "an"}),
    "es": frozenset({"el", "la", "los", "las", "un", "una"}),
}
_IRREGULAR = {"har": "hacer", "dir": "decir", "pondr": "poner", "saldr": "salir", "vendr": "venir", "tendr": "tener"}
_NO_THING = frozenset(
    {"lot", "pity", "bit", "day", "end", "moment", "idea", "good", "great", "time", "question", "way"}
)
_VERB = re.compile(r"(?:needs?|said|says|goes|went|looks?|came|comes|should|must|almost|already|still|next|last)$", _I)
_STOP = frozenset(
    """
    the a an to of in on at by for with and or it that this them those i you he she we they my your his her our
    their me us will would can could do be is are was were have has had as up out so not no yes please also then
    just el la los las un una unos unas de del al en por para con y o que lo le les se me te nos su sus mi mis tu
    tus es ser estar hay no sí ya muy más before until all some any after over into than
    during from about again
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Commitment:
    """``owner`` does ``task`` (a verb phrase in the text's words) ``when`` (or empty). ``turn``: where it is agreed on.

    ``deictic``: the task says "it" or "that" of something that was named before.
    """

    owner: str
    task: str
    when: str
    turn: int
    deictic: bool = False

    @property
    def line(self) -> str:
        """Return it as an action item."""
        return f"{self.owner}: {self.task}{' ' + self.when if self.when else ''}"

    def sentence(self, language: str) -> str:
        """Return it as a sentence: as it was promised in English, as an item in other languages."""
        if language != "en":
            return f"{self.line}."
        return f"{self.owner} will {self.task}{' ' + self.when if self.when else ''}."


@dataclass(slots=True)
class _Request:
    """Something that is to be done, asked of ``person`` or of anybody (empty)."""

    task: str
    when: str
    person: str
    by: str
    turn: int
    direct: bool = False
    offer: bool = False


def find_commitments(turns: Sequence[Turn], language: str) -> tuple[Commitment, ...]:
    """Return the promises that stand at the end, in order. ``language`` is `en` or `es`."""
    return tuple(_Finder(turns, language if language == "es" else "en").find())


def content_words(text: str) -> frozenset[str]:
    """Return the stems (five letters at most) of the words that carry meaning."""
    words = re.findall(r"[^\W_]+", text.lower())
    return frozenset(word[:5] for word in words if word not in _STOP and (len(word) > 2 or word.isdigit()))


def name_the_thing(made: Commitment, turns: Sequence[Turn], language: str) -> Commitment:
    """Return ``made`` with its "it" replaced by what was spoken of, if that is found within two turns before."""
    match = _DEICTIC.search(made.task)
    if not made.deictic or match is None:
        return made
    plural = match[0].lower() in ("them", "those", "los", "las")
    first = re.escape(made.task.split()[0])
    own: list[str] = []
    for sentence in turns[made.turn].sentences:
        if promised := re.search(rf"\b{first}\b", sentence):
            own.append(sentence[: promised.start()])
            break
        own.append(sentence)
    before = [sentence for turn in turns[max(0, made.turn - 2) : made.turn] for sentence in turn.sentences]
    for sentence in reversed([*before, *own]):
        thing = _thing(sentence, language, plural)
        if thing and not content_words(thing) & content_words(made.task):
            return replace(made, task=_put(thing, made.task, language), deictic=False)
    return made


def _thing(sentence: str, language: str, plural: bool) -> str:
    """Return the first noun phrase of a sentence that fits: a determiner and up to three words behind it."""
    words = re.findall(r"[^\W_]+(?:[’'-][^\W_]+)*|[,.;:?!]", WHEN.sub(",", sentence))
    determiners = _DETERMINERS[language]
    for at, word in enumerate(words):
        if word.lower() not in determiners:
            continue
        phrase = []
        for following in words[at + 1 : at + 4]:
            if following.lower() in _STOP or not following[0].isalnum() or _VERB.match(following):
                break
            phrase.append(following)
        if not phrase or phrase[-1].lower() in _NO_THING or phrase[-1].endswith("s") != plural:
            continue
        determiner = {"my": "the", "your": "the", "our": "the", "a": "the", "an": "the"}.get(word.lower(), word.lower())
        return " ".join([determiner, *phrase])
    return ""


def _put(thing: str, task: str, language: str) -> str:
    if language == "en":
        return _DEICTIC.sub(thing, task, count=1)
    return re.sub(r"^(?:lo|la|los|las)\s+(\w+)", rf"\1 {thing}", task, count=1, flags=_I)


class _Finder:
    """Walks through the turns once, with the requests that are open."""

    def __init__(self, turns: Sequence[Turn], language: str) -> None:
        self._turns = turns
        self._language = language
        self._people = speakers(turns)
        self._found: list[Commitment] = []
        self._requests: list[_Request] = []

    def find(self) -> list[Commitment]:
        for place, turn in enumerate(self._turns):
            self._requests = [request for request in self._requests if place - request.turn <= _REACH]
            self._listen(place, turn)
        return self._found

    def _listen(self, place: int, turn: Turn) -> None:
        """Take a turn's answer to what was asked, then its own promises, then its requests."""
        lang = self._language
        declined = False
        answered = self._answered(place, turn)
        for number, sentence in enumerate(turn.sentences):
            if _DECLINES[lang].search(sentence):
                rest = _after_decline(sentence)
                if not _PROMISE[lang].search(rest) and not _TAKES[lang].search(rest):
                    declined = True
                    self._decline(place, turn.speaker, sentence)
                    continue
                sentence = rest
            if _TAKES[lang].search(sentence):
                self._take(place, turn.speaker, sentence)
                answered = True
                continue
            promise = None if sentence.rstrip().endswith("?") else _PROMISE[lang].search(sentence)
            if promise and not _NEGATED.search(sentence[: promise.start()][-12:]):
                self._promise(place, turn.speaker, _task_of(promise), number)
                answered = True
            elif offered := _OFFER[lang].search(sentence):
                task, when = _task_and_when(offered["task"])
                self._requests.append(_Request(task, when, turn.speaker, turn.speaker, place, offer=True))
            elif (request := self._request(place, turn, sentence)) is not None:
                if not (_is_deictic(request.task) and not content_words(request.task) and self._date(place, request)):
                    self._requests.append(request)
            elif answered and _ABOUT_IT.search(sentence):
                self._date_last(place, turn.speaker, sentence)
        if declined:
            return
        if answered:  # what somebody promises is the answer to what was asked
            self._requests = [one for one in self._requests if one.person != turn.speaker or one.turn == place]
        else:
            self._accept(place, turn)
        self._attach_date(place, turn)

    def _answered(self, place: int, turn: Turn) -> bool:
        """A bare date after "by when?" belongs to the promise before."""
        previous = self._turns[place - 1].text if place else ""
        if _ASKS_WHEN.search(previous) and self._found and (when := WHEN.search(turn.text)):
            last = self._found[-1]
            if last.owner == turn.speaker and not last.when:
                self._found[-1] = replace(last, when=_clean_when(when[0]))
        return False

    def _accept(self, place: int, turn: Turn) -> None:
        """Who is asked and agrees has promised it, and who offers it to somebody who agrees."""
        if not turn.sentences or not _ACCEPTS[self._language].search(turn.sentences[0]):
            return
        for offer in [one for one in self._requests if one.offer and one.turn == place - 1 and one.by != turn.speaker]:
            named = WHEN.search(turn.text)
            date = offer.when or (_clean_when(named[0]) if named else "")
            self._add(Commitment(offer.by, offer.task, date, place, _is_deictic(offer.task)))
            self._requests.remove(offer)
        open_requests = [one for one in self._requests if not one.offer]
        asked = [one for one in open_requests if one.turn < place and one.person == turn.speaker]
        if not asked:  # "Can you …?" asks whoever answers
            last = open_requests[-1:]
            asked = [one for one in last if one.direct and one.turn == place - 1 and one.by != turn.speaker]
            asked = [one for one in asked if not one.person]
        for request in asked:
            when = request.when
            if not when and (found := WHEN.search(turn.text)):
                when = _clean_when(found[0])
            self._add(Commitment(turn.speaker, request.task, when, place, _is_deictic(request.task)))
            self._requests.remove(request)

    def _take(self, place: int, speaker: str, sentence: str) -> None:
        """ "I'll do it" takes what was asked for last."""
        open_requests = [one for one in self._requests if not one.offer]
        asked = [one for one in open_requests if one.person in ("", speaker) or one.turn >= place - 1]
        if not asked:
            own = [at for at, made in enumerate(self._found) if made.owner == speaker and place - made.turn <= _REACH]
            if own and not self._found[own[-1]].when and (when_said := WHEN.search(sentence)):
                self._found[own[-1]] = replace(self._found[own[-1]], when=_clean_when(when_said[0]))
            elif own:
                return
            elif re.search(r"\b(?:take|handle|do|own)\b (?:it|that|this)\b", sentence, _I):
                self._add(Commitment(speaker, "take care of it", "", place, True))
            return
        request = asked[-1]
        found = WHEN.search(sentence)
        when = _clean_when(found[0]) if found else request.when
        self._add(Commitment(speaker, request.task, when, place, _is_deictic(request.task)))
        self._requests.remove(request)

    def _promise(self, place: int, speaker: str, text: str, number: int) -> None:
        task, when = _task_and_when(text)
        if len(content_words(task)) == 0 and not _is_deictic(task):
            return
        request = next(
            (r for r in reversed(self._requests) if r.turn < place and (r.person in ("", speaker) or r.by != speaker)),
            None,
        )
        if request is not None and self._same(request.task, task):
            when = when or request.when
            if _is_deictic(task) or len(content_words(task)) < len(content_words(request.task)):
                task = request.task
            self._requests.remove(request)
        if not when:
            rest = self._turns[place].sentences[number + 1 : number + 2]
            later = WHEN.search(rest[0]) if rest and _ABOUT_IT.search(rest[0]) else None
            when = _clean_when(later[0]) if later else ""
        self._add(Commitment(speaker, task, when, place, _is_deictic(task)))

    def _same(self, asked: str, promised: str) -> bool:
        words = content_words(promised)
        return not words or bool(words & content_words(asked)) or (_is_deictic(promised) and len(words) <= 1)

    def _decline(self, place: int, speaker: str, sentence: str) -> None:
        """What is declined is open to others, and a promise that is taken back is none."""
        for request in self._requests:
            if request.person == speaker:
                request.person = ""
        words = content_words(sentence)
        for made in [made for made in self._found if made.owner == speaker]:
            if len(words & content_words(made.task)) >= 2:
                self._found.remove(made)
                self._requests.append(_Request(made.task, made.when, "", speaker, place))

    def _request(self, place: int, turn: Turn, sentence: str) -> _Request | None:
        person = self._addressed(place, turn, sentence)
        match = _REQUEST[self._language].search(sentence) or self._assigned(sentence)
        if match is None:
            match = _OPEN[self._language].search(sentence)
            person = ""
        if match is None:
            return None
        groups = {name: value for name, value in match.groupdict().items() if value}
        if "who" in groups:
            person = self._person(groups.pop("who"))
        text = f"{_base(groups['verb'])} {groups['rest']}" if "rest" in groups else next(iter(groups.values()))
        task, when = _task_and_when(text)
        if not content_words(task) and not _is_deictic(task):
            return None
        if not content_words(task) and person:  # "Erin can do it": what is open already
            for request in reversed(self._requests):
                if request.person in ("", turn.speaker):
                    request.person = person
                    return None
        request = _Request(task, when, person, turn.speaker, place, match.re is _REQUEST[self._language])
        if match.re is _REQUEST[self._language] and not person and len(self._people) == 2:
            request.person = next((other for other in self._people if other != turn.speaker), "")
        return request

    def _assigned(self, sentence: str) -> re.Match[str] | None:
        """ "Bob will send it", said by somebody else, of somebody who is there."""
        names = "|".join(re.escape(name) for name in self._people)
        verbs = r"will|is going to|can|could|should|va a|puede|tiene que" if names else ""
        return re.search(rf"\b(?P<who>{names}) (?:{verbs}) (?P<task>\w.*)", sentence) if names else None

    def _addressed(self, place: int, turn: Turn, sentence: str) -> str:
        """Return whom a sentence speaks to: by name in it or in the one before."""
        at = next((at for at, one in enumerate(turn.sentences) if sentence in one), 0)
        for text in (sentence, *reversed(turn.sentences[max(0, at - 2) : at])):
            for name in self._people:
                if name != turn.speaker and re.search(
                    rf"(?:^|[,.;:¿¡!?]\s*|^(?:and|so|ok|okay|then|thanks|y)\W+){re.escape(name)}\s*[,?:]|"
                    rf",\s*{re.escape(name)}\s*[?.!]*$|^(?:and |so |y )?{re.escape(name)}\b",
                    text,
                    _I,
                ):
                    return name
        return ""

    def _person(self, name: str) -> str:
        return next((person for person in self._people if person.lower() == name.lower()), name)

    def _attach_date(self, place: int, turn: Turn) -> None:
        """ "Sure, I'll send it. By Friday." """
        if self._found and self._found[-1].turn == place and not self._found[-1].when:
            last = turn.sentences[-1]
            when = WHEN.search(last)
            if when and len(content_words(last) - content_words(when[0])) <= 1:
                self._found[-1] = replace(self._found[-1], when=_clean_when(when[0]))

    def _date(self, place: int, request: _Request) -> bool:
        """ "Could you do that by Thursday?" dates the promise of whoever spoke before. Return whether there is one."""
        if not request.when or not self._found:
            return False
        last = self._found[-1]
        if last.turn < place - 1 or last.owner == request.by or last.when:
            return False
        self._found[-1] = replace(last, when=request.when)
        return True

    def _date_last(self, place: int, speaker: str, sentence: str) -> None:
        """ "You will have it on Tuesday" tells the date of the promise before."""
        when, last = WHEN.search(sentence), self._found[-1] if self._found else None
        if when and last and last.turn == place and last.owner == speaker and not last.when:
            self._found[-1] = replace(last, when=_clean_when(when[0]))

    def _add(self, made: Commitment) -> None:
        """A task that somebody else had before is theirs no more; one of the same person is told once."""
        words = content_words(made.task)
        for older in self._found:
            shared = words & content_words(older.task)
            smaller = min(len(words), len(content_words(older.task))) or 1
            if len(shared) / smaller >= 0.75 and len(shared) >= 2:
                self._found.remove(older)
                if older.owner == made.owner:
                    fuller = older.task if len(content_words(older.task)) > len(words) else made.task
                    made = replace(made, task=fuller, when=made.when or older.when, deictic=_is_deictic(fuller))
                break
        self._found.append(made)


def _after_decline(sentence: str) -> str:
    """ "I can't, but I will …": what comes after the turn."""
    parts = re.split(r"\b(?:but|pero|however|instead)\b", sentence, maxsplit=1, flags=_I)
    return parts[1] if len(parts) == 2 else ""


def _task_of(match: re.Match[str]) -> str:
    groups = {name: value for name, value in match.groupdict().items() if value}
    if "delivery" in groups:  # "you will have the figure", "I'll have the figure ready"
        return "deliver " + re.sub(r"\b(?:ready|done|finished)\b", "", groups["delivery"])
    return next(iter(groups.values()))


def _task_and_when(text: str) -> tuple[str, str]:
    """Return a verb phrase without its date, and the date."""
    text, *rest = (part.strip(" ,") for part in _CLAUSE.split(text.strip().rstrip(".!?… "), maxsplit=1))
    found = list(WHEN.finditer(text))
    later = WHEN.search(rest[0]) if rest else None
    when = _clean_when(later[0]) if later and not found else ""
    if found:
        last = found[-1]
        preposition = re.match(r"(?:by|before|until|on|for|para|antes|hasta|el|no later)\b", last[0].strip(), _I)
        at_the_end = len(content_words(text[last.end() :])) == 0
        if preposition or at_the_end or last.start() == 0:
            when = _clean_when(last[0])
            text = f"{text[: last.start()].rstrip(' ,')} {text[last.end() :].lstrip(' ,')}".strip()
    return _tidy(_TAIL.sub("", _FILLER.sub("", text)).strip(" ,")), when


def _tidy(task: str) -> str:
    """Return a task without "you" and "me", and with a Spanish verb in its infinitive."""
    task = re.sub(r"\b(tell|send|give|show|bring|get|email|write) (?:you|me|us)\b(?= \w)", r"\1", task, flags=_I)
    task = re.sub(r"\bmy\b", "the", task)
    task = re.sub(r"^(\w+r)(?:me|nos|te|os)\b", r"\1", task)
    verb = re.match(r"((?:te|os|les?) )?(\w+r)é\b", task, _I)
    if verb:
        task = _IRREGULAR.get(verb[2].lower(), verb[2].lower()) + task[verb.end() :]
    return re.sub(r"^(\w+) (?:tú|yo)\b", r"\1", task)


def _clean_when(when: str) -> str:
    when = re.sub(r"^(?:at|in)\s+(?=lunch|the end)", "by ", when.strip(" ,"), flags=_I)
    return re.sub(r"^[A-ZÁÉÍÓÚ](?=[a-záéíóú]{1,6} )", lambda first: first[0].lower(), when) if " " in when else when


def _is_deictic(task: str) -> bool:
    return bool(_DEICTIC.search(task)) and len(content_words(task)) <= 3


def _base(verb: str) -> str:
    """Return the infinitive of an English verb's third person."""
    if re.search(r"(?:s|x|z|ch|sh|o)es$", verb):
        return verb[:-2]
    return verb[:-3] + "y" if verb.endswith("ies") else verb[:-1]
