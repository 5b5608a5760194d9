"""How people promise, ask, agree and decline in English and Spanish."""

import re

_I = re.IGNORECASE
_NO_VERB = (
    r"(?:pero|como|todo|mucho|poco|otro|bueno|claro|cuando|cuanto|luego|tanto|solo|perfecto|cierto|estupendo|primero|"
    r"segundo|tercero|hecho|cuidado|creo|tengo|quiero|puedo|debo|espero|siento|pienso|veo|vivo|trabajo|entiendo|digo|"
    r"conozco|mismo|último|malo|nuevo|único|demás|exacto|acuerdo|gusto|lleno|desde|no)\b"
)
"""Spanish words that end as the first person does."""
PROMISE = {
    "en": re.compile(
        r"\b(?:I(?:['’]ll| will) (?:have|need) to|I(?:['’]ll| will| shall)(?: also| then| just| still| personally|"
        r" definitely| gladly)?|"
        r"I(?:['’]m| am) going to|I can(?: also| still| just)?|I could(?: also| still| just)?|let me|I promise to|"
        r"I(?:['’]d| would) be happy to|"
        r"I(?: still| also| just)? (?:have|need) to|I(?:['’]ve| have)(?: still)? (?:to|got to)|I must|"
        r"I(?:['’]d| would) like to|I(?: also| still)? (?:want|plan|hope|intend) to)\s+"
        r"(?P<task>(?!(?:be|have(?! an? (?:look|word|chat|talk|go|read) \w)|see|tell you (?:that|how|what|why|"
        r"honestly|frankly|something|one thing)|stop you|interrupt|"
        r"come (?:back )?to that|"
        r"feel|think|see if|say|ask why|hear|imagine|"
        r"guess|remember|understand|live|never|not|only|miss|wait|like|love|know|need|want|probably be|agree|"
        r"(?:start|begin)\b(?! \w)|(?:start|begin) (?:with|by|off)|explain|rephrase|repeat that|also|still|"
        r"just)\b)\w.*)|"
        r"\b(?:I|you)(?:['’]ll| will) (?:have|get) (?P<delivery>(?:the|my|our|a|an|it|them) "
        r"(?!(?:look|word|chat|talk|go|read)\b)\w.*)|"
        r"\bI(?:['’]m| am)(?: also| just)? (?!going|coming|thinking|looking|wondering|hoping|feeling|saying|kidding|"
        r"being|having|"
        r"asking|assuming|guessing|leaving|staying|getting)(?!.* as we speak\b)(?P<doing>\w{2,}ing\b.*)",
        _I,
    ),
    "es": re.compile(
        r"(?:\b(?:voy a|puedo|tengo que|debo|me comprometo a)\s+(?P<task>(?!(?:ser|estar|tener|ver si|decir)\b)\w.*)|"
        r"\b(?:me encargo de|me ocupo de|yo me encargo de)\s+(?P<charge>\w.*)|"
        r"\byo (?!creo|pienso|tengo|quiero|no\b|lo\b)(?!puedo|debo|voy|me\b)(?P<present>\w{3,}o\b (?!yo).*)|"
        r"\b(?:ya )?(?:(?:me|le|les|lo|la|los|las|se lo|se la) )?"
        r"(?!cre|pien|quier|teng)(?P<stressed>\w{3,}o) yo\b(?P<object>.*)|"
        r"\b(?:le|les|os|te|me) (?!siento|agradezco|alegro|temo|digo|creo|entiendo|imagino|llamo|gusto|parezco|paso|"
        r"lo\b)(?P<clitic>\w{3,}o\b(?! que).*)|"
        r"\b(?P<clitic_object>lo|la|los|las) "
        rf"(?!{_NO_VERB})(?P<timed>\w{{3,}}o\b.*)|"
        rf"^(?P<begins>(?!{_NO_VERB})\w{{3,}}o\b(?!,| (?:se|ha|es|era|está|fue|dice|y|no)\b).*)|"
        r"(?P<future>\b(?!(?:seré|estaré|tendré|iré|podré|habré)\b)(?:(?:lo|la|los|las|te|os|le|les|se lo|se la) )?"
        r"\w{2,}ré\b.*))",
        _I,
    ),
}
TAKES = {
    "en": re.compile(
        r"\b(?:I(?:['’]ll| will| can| could)(?: happily| gladly)? (?:do|take|handle|take care of|cover|manage|own) "
        r"(?:it|that|this|them|those|care of (?:it|that|this))\b(?! in my sleep)|leave (?:it|that) (?:to|with) me|"
        r"I(?:['’]m| am) on it|"
        r"consider it done|count on me|I volunteer|(?:give|leave) (?:it|that|them) to me|put me down for (?:it|that)|"
        r"I(?:['’]ve)? got (?:it|that|this) (?:covered|then)|(?:that|it)(?:['’]s| is) (?:on me|mine))",
        _I,
    ),
    "es": re.compile(
        r"\b(?:(?:ya )?(?:lo|la) (?:hago|haré|llevo) yo|yo (?:me encargo(?! de)|me ocupo(?! de)|lo hago|la hago)|"
        r"\b(?:lo|la|los|las) hago\b|de eso me (?:encargo|ocupo)|"
        r"lo haré|lo intent(?:o|aré)|me (?:encargo|ocupo)(?: yo)?(?=[.,!]|$)|déjamelo a mí|cuenta conmigo|"
        r"cuenten conmigo)",
        _I,
    ),
}
DEED = (
    "do|take|write|send|call|phone|ring|email|book|order|prepare|check|bring|update|fix|test|organi[sz]e|buy|get|make|"
    "print|tell|ask|keep|move|cancel|remind|collect|pick|put"
)
"""What somebody is told to do in so many words."""
DOES_IT = re.compile(r"\b(?:take|handle|do|own)\b (?:it|that|this)\b", _I)
REQUEST = {
    "en": re.compile(
        r"(?<!\bwhat )(?<!\bwhen )(?<!\bhow )(?<!\bwhy )(?<!\bwhere )(?<!\bwhich )\b"
        r"(?:can|could|would|will) you(?: please)?\s+(?!(?:hear|see|all hear|imagine|believe|like|care|prefer|"
        r"explain|tell me|say|"
        r"remind me)\b)(?P<task>\w.*)|\bplease\s+(?P<order>(?!(?:note|remember|everyone)\b)\w.*)|"
        r"\b(?:I(?:['’]d| would) like|I need|I want) you to\s+(?P<wish>\w.*)|"
        r"\b(?:can|could|would|will) (?:(?:one|any|either|some) of you|(?:any|some)(?:one|"
        r"body)(?! else))(?: please)?\s+"
        r"(?P<anybody>(?!(?:hear|see|tell me|explain|remember|imagine)\b)\w.*)|"
        r"\bif you could(?: just)?\s+(?P<could>\w.*)|"
        r"\bwould you mind (?P<doing>\w{2,}ing\b.*)|"
        r"^(?!I\b|we\b|you\b|he\b|she\b|it\b|they\b|that\b)(?P<imperative>\w.*), (?:would|could|can|will) you\W*$|"
        r"\b(?:you should|you need to|you have to|you(?:['’]ll| will) (?:have|need) to)\s+(?P<duty>(?!(?:have|be|"
        r"know|get|see|hear|understand|admit)\b)\w.*)|"
        rf"\byou could (?P<possible>(?:{DEED})\b.*)|"
        rf"(?:^|^(?-i:[A-Z])\w+, |\b(?:then|so) )you (?P<assigned>(?:{DEED})\b.*)|"
        rf"^(?:(?:please|then|so|and|but|just),? )*(?P<bare>(?:{DEED}) (?!of\b)\w.*)",
        _I,
    ),
    "es": re.compile(
        r"\b(?:puedes|podrías|puede|podría|te importa|quieres)\s+(?P<task>\w+r(?:me|nos|te|se|le|les)?(?:lo|la|los|"
        r"las)?\b.*)|"
        r"¿(?:y )?(?:me|nos|le|les|lo|la|los|las) (?P<second>(?!parece|gusta|puede|quiere|va\b)\w+[ae]s\b.*)|"
        r"¿(?:y )?te (?:encargas|ocupas)(?: tú)? de (?P<charge>\w.*)|"
        r"¿(?:y )?(?P<stressed>(?!eres|vas|puedes|quieres|tienes|crees|sabes)\w+[ae]s tú\b.*)|"
        r"\bpor favor,?\s+(?P<order>\w.*)|\b(?:tienes que|debes)\s+(?P<duty>\w.*)|\b(?P<wish>encárgate de \w.*)",
        _I,
    ),
}
OPEN = {
    "en": re.compile(
        r"\b(?:who (?:can|could|will|wants to|is going to|would)\s+(?P<task>\w.*)|"
        r"(?:^|[,.;:—–-]\s*|\b(?:and|so|but|then|ok(?:ay)?)\s+)who(?:['’]s| is) (?!coming|missing|going|joining|"
        r"speaking|talking|asking|leaving|being)"
        r"(?P<doing>\w{2,}ing\b.*)|"
        r"(?:^|[,.;:—–-]\s*|\b(?:and|so|but|then|ok(?:ay)?)\s+)"
        r"who (?!wants|is\b|was|has|likes|knows|needs|says)(?P<verb>\w+s) (?P<rest>\w.*\?)|"
        r"(?:someone|somebody|(?<!otherwise )we) (?:needs? to|has to|have to|must|should)\s+(?P<need>\w.*))",
        _I,
    ),
    "es": re.compile(
        r"¿quién (?:puede|podría|va a|quiere)\s+(?P<task>\w.*)|¿quién se (?:encarga|ocupa) de\s+(?P<verb>\w.*)|"
        r"quién (?!es\b|era\b|ha\b|está|sabe|tiene|viene|falta|puede|podría|va\b|quiere|se\b|dice|cree)"
        r"(?P<present>\w+[ae] \w.*)\?|"
        r"\b(?:(?:alguien|hay) (?:tiene que|que|debe)|habría que|(?:mejor )?que alguien|necesitamos)\s+(?P<need>\w.*)",
        _I,
    ),
}
ACCEPTS = {
    "en": re.compile(
        r"^\W*(?:yes|yeah|yep|sure|ok(?:ay)?|of course|absolutely|certainly|will do|no problem|gladly|happy to|fine|"
        r"all right|alright|right|done|definitely|deal|I['’](?:d|ll) (?:love|be (?:glad|happy|"
        r"delighted)) to\b(?!,? but (?!not (?:before|until)))|I (?:will|shall)(?=\W)|I (?:suppose|guess) (?:I can|"
        r"I could|so)|I can,? (?:yes|sure)|why not|great|good idea|got it|on it|my pleasure|with pleasure)\b|"
        r"(?:\bis|['’]s|,) (?:fine|okay|perfect|great)(?: (?:with|by|for) me)?\W*$|\b(?:suits|works for) (?:me|us)\b",
        _I,
    ),
    "es": re.compile(
        r"^\W*(?:sí|si,|claro|vale|por supuesto|de acuerdo|hecho|perfecto|sin problema|con gusto|desde luego|bueno|"
        r"muy bien|ok|cómo no|qué remedio)\b",
        _I,
    ),
}
DECLINES = {
    "en": re.compile(
        r"\bI(?:['’]m| am| will be|['’]ll be) in (?-i:[A-Z])\w+ (?:all|that|this|next|until|on|from|then)\b|"
        r"\b(?:I (?:can['’]?t|cannot|can not|couldn['’]t|won['’]t|will not|don['’]t have time|am not able|['’]m not "
        r"able|would rather not)|I['’]m not able|I(?:['’]m| am) (?:on (?:holiday|vacation|leave)|away|out|too busy|"
        r"fully booked|not available)|no time|not me|rather not)\b|^\W*(?:sorry|no\b(?! problem)|unfortunately|"
        r"afraid)",
        _I,
    ),
    "es": re.compile(
        r"\b(?:no puedo|no voy a poder|no podré|no tengo tiempo|estoy de vacaciones|estaré de vacaciones|imposible|"
        r"no llego|no me da tiempo|estoy fuera|yo no|no (?:me|le|les) hablo|ni hablar|ni loc[oa])\b|^\W*(?:lo siento|"
        r"no\b(?! hay problema))",
        _I,
    ),
}
RETRACTS = re.compile(
    r"^\W*(?:(?:oh|ah|no|sorry|hm+|but|ay|pero)\W+)*(?:(?:wait|hang on|hold on|actually|scratch that|oh no|ah no|"
    r"on second thoughts?|come to think of it|I forgot|espera|en realidad|ahora que lo pienso)\b|no, no\b)",
    _I,
)
"""What begins a sentence that takes back the one before it, if it says why not."""
NOT_ME = re.compile(
    r"(?=.*\b(?:I|me|my)\b).*(?:\bnot\b|n['’]t\b|\bnever\b)|\bno (?:(?:me|lo|la|los|las) )?\w+[oé]\b", _I
)
"""Why somebody does not: something that is not so of them."""
NEGATED = re.compile(r"\b(?:not|n['’]t|never|no(?! problem| hay problema)|nunca|tampoco)\b", _I)
WEAK_PROMISE = re.compile(
    r"I(?:['’]ll| will) (?:have|need) to\b|I can(?: also)? (?:give|offer|let) you\b|I could\b|I(?: still| also|"
    r" just)? (?:have|need) to\b|I(?:['’]ve| have)(?: still)? (?:to|got to)\b|I must\b|"
    r"I(?:['’]d| would) like to\b|I(?: also| still)? (?:want|plan|hope|intend) to\b",
    _I,
)
"""What somebody might do or has to do is promised only with a date, or when somebody else agrees to it."""
APPROVES = re.compile(
    r"^\W*(?:(?:oh|ah|well)\W+)?(?:thanks?|please|perfect|lovely|brilliant|excellent|wonderful|nice|cool|go ahead|deal|"
    r"(?:that|it)(?:['’](?:d|ll|s)| would| will| is) (?:be )?(?:a |very |so )?(?:great|good|nice|lovely|perfect|"
    r"helpful|"
    r"wonderful|kind|help|work)|do that|gracias|genial|estupendo|qué bien)\b",
    _I,
)
"""What agrees to an offer beside `ACCEPTS`."""
CONCLUDES = re.compile(r"^\W*(?:then|so|entonces|así que) I", _I)
"""Begins the sentence of a duty that follows from what was said: "Then I'll have to …"."""
CONFIRMS = re.compile(
    r"^\W*(?:then|so|yes|ok(?:ay)?|sure|fine|good|right|great|alright|entonces|vale|pues|bien|sí)\b", _I
)
"""Begins the sentence that says in other words what was agreed on just before."""
ABOUT_IT = re.compile(
    r"\b(?:(?:get|have|do) (?:it|that|them|this)|(?:should|will|would|['’]ll|['’]d) be (?:done|ready|finished)|"
    r"first draft|(?:lo|la|los|las) (?:tend|har|teng|hag|env|mand|entreg|llam)\w+|me paso|voy)\b",
    _I,
)
EVERY_TIME = re.compile(
    r"\b(?:every time|whenever|each time|always|usually|sometimes|in my sleep|cada vez|siempre)\b", _I
)
RESTART = re.compile(
    r"^.*(?:—|–| - |\.\.\.|…)\s*(?:no|wait|hang on|hold on|sorry|I mean|you know what|actually|scratch that|perdón|"
    r"digo|"
    r"espera|mejor dicho)\b(?:,? (?:no|wait|hang on|hold on|sorry|actually))*\W*",
    _I,
)
"""What somebody begins and takes back in the same sentence."""
BROKEN_OFF = re.compile(
    r"\b(?:the|an?|my|your|our|their|this|of|to|at|on|in|by|for|with|from|el|la|los|las|un|una|de|del|a|en|por|para|"
    r"con)"
    r"\s*(?:—|–|-|\.\.\.|…)\W*$",
    _I,
)
"""A sentence that somebody else interrupted before it said what is promised."""
REPORTED = re.compile(r"\b(?:thought|thinks|says?|said|told|asked|promised|wanted|dije|dijo|pensé|prometí)\b", _I)
"""Before "I'm going to": what was said or thought at another time."""
TOPIC = re.compile(rf"\b(?P<topic>(?:el|la|los|las) (?!{_NO_VERB})\w+(?: de \w+)?),? *$", _I)
"""In front of a pronoun that repeats it: "los azulejos los elijo yo"."""
PASSES_ON = re.compile(r"¿(?:vas|puedes|lo haces|te encargas|te ocupas|quieres|te animas) tú\?$", _I)
NEXT_PROMISE = re.compile(
    r"(?:,|;)? (?:and|y) (?=I(?:['’]ll| will|['’]m going to)\b|(?:le|les|os|te|se l[oa]s?) \w+o\b|voy a\b)", _I
)
"""Between two promises of one sentence."""
HABIT = re.compile(
    r"\b(?:when|whenever|if|every|usually|always|often|sometimes|normally|cuando|siempre|cada|si|suelo|normalmente)\b",
    _I,
)
"""Before "I have to" or "I can": what somebody does as a rule, and has not promised."""
WILL = re.compile(r"I(?:['’]ll| will|['’]m going to| am going to)\b", _I)
"""What is promised even if something else must happen first."""
TRIES = re.compile(r"(?:try|aim) for$", _I)
OFFER = {
    "en": re.compile(r"\b(?:do you want me to|would you like me to|shall I|should I(?: also)?)\s+(?P<task>\w.*)", _I),
    "es": re.compile(r"¿(?:quieres|queréis|quieren) que (?:yo )?(?P<task>\w.*)", _I),
}
# What is said of somebody who is there. ``names`` is to be filled in.
ASSIGNED = (
    r"\b(?P<who>{names}) (?:(?:will|is going to|can|could|should|va a|puede|tiene que) (?P<task>\w.*)|"
    r"(?P<verb>does|takes|handles|covers|owns|runs|writes|sends|calls|books|prepares|checks|brings|reviews|updates|"
    r"fixes|tests|organi[sz]es) (?P<rest>\w.*))"
)
# What must be done by somebody who is named and does not speak: "Philip must sign it before Saturday".
ASKED_OF = r"\b(?:can|could|will|would)(?:n?['’]t)? (?P<who>{names}) (?P<task>\w.*)"
DUTY = {
    "en": re.compile(r"^(?:and |so |then )?(?P<who>[A-Z][^\W\d_]+) (?:must|has to|needs to) (?P<task>\w.*)"),
    "es": re.compile(r"^(?:[Yy] |[Ee]ntonces )?(?P<who>[A-ZÁÉÍÓÚÑ][^\W\d_]+) (?:debe|tiene que) (?P<task>\w.*)"),
}
NO_PERSON = frozenset(
    """
    everybody everyone somebody someone nobody anybody anyone who what this that it he she they we you one there
    todos alguien nadie quien quién esto eso ella él usted uno
    """.split()  # noqa: SIM905
)
