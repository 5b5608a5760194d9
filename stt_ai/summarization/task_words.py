"""The words of tasks in English and Spanish: what is cut off, what stands for something else, and verb forms."""

import re

_I = re.IGNORECASE
FILLER = re.compile(r"^(?:please|do is|also|then|just|maybe|perhaps|so|well|still|tú|yo|por favor|también)\s+", _I)
TAIL = re.compile(
    r"(?:[,;]?\s*(?:then|too|as well|also|please|after all|instead|for (?:you|us)|if you (?:like|want)|right|"
    r"okay|ok|también|entonces|"
    r"por favor|myself|yo mism[oa]|si (?:quieres|queréis)))+$",
    _I,
)
CLAUSE = re.compile(
    r"(?:;|,? but\b|,? because\b|,? since\b|,? pero\b|,? porque\b|,? so (?:that )?(?:you|we|I|please)\b|"
    r",? (?:when|once|as soon as|before|after) I\b|,? and you(?:['’]ll| will| should)\b|, and (?:the|it|they)\b|"
    r", (?:this|that|it|which)(?: \w|['’]ll\b)|, que (?=\w)|"
    r" y (?:os|te|les?)\b|"
    r",? (?:and|y) (?:otherwise |then )?(?:I|yo)\b|, (?:and|or|y|o) (?:if|si)\b|, I(?:['’]\w+)? (?=\w)|"
    r", (?:that|it)['’]s\b|, (?:it|they|we|she|he|there|you)(?:['’]\w+| \w+)|, (?:tengo|es|son|está)\b|"
    r", (?:the|our) \w+ (?:is|are|was|has|have|will)\b|"
    r",? cuando\b| — )",
    _I,
)
DEICTIC = re.compile(r"\b(?:it|that|this|them|those|lo|la|los|las|eso|esto)\b(?! \w+ing)", _I)
DETERMINERS = {
    "en": frozenset({"the", "our", "your", "my", "her", "his", "their", "a", "an"}),
    "es": frozenset({"el", "la", "los", "las", "un", "una"}),
}
PRESENT = {
    "hago": "hacer", "pido": "pedir", "digo": "decir", "traigo": "traer", "pongo": "poner", "doy": "dar", "voy": "ir",
    "veo": "ver", "escribo": "escribir", "recojo": "recoger", "subo": "subir", "conduzco": "conducir",
    "consigo": "conseguir", "envío": "enviar", "sigo": "seguir", "cierro": "cerrar", "pruebo": "probar",
    "elijo": "elegir", "sirvo": "servir", "mido": "medir", "repito": "repetir", "subscribo": "subscribir",
    "resuelvo": "resolver", "vendo": "vender", "leo": "leer", "abro": "abrir", "imprimo": "imprimir",
    "ofrezco": "ofrecer", "reparto": "repartir", "recuerdo": "recordar", "muevo": "mover", "corrijo": "corregir",
    "respondo": "responder", "aprendo": "aprender", "salgo": "salir", "vengo": "venir",
}  # fmt: skip
"""First person to infinitive; the others end in -ar."""
IRREGULAR = {"har": "hacer", "dir": "decir", "pondr": "poner", "saldr": "salir", "vendr": "venir", "tendr": "tener"}
NO_THING = frozenset({"lot", "pity", "bit", "day", "end", "moment", "idea", "good", "great", "time", "question", "way"})
VERB = re.compile(
    r"(?:needs?|open|been|\w+n['’]t|ready|done|yet|now|here|there|said|says|goes|went|looks?|came|comes|should|must|"
    r"almost|already|still|next|last)$",
    _I,
)
STOP = frozenset(
    """
    the a an to of in on at by for with and or it that this them those i you he she we they my your his her our
    their me us will would can could do be is are was were have has had as up out so not no yes please also then
    just el la los las un una unos unas de del al en por para con y o que lo le les se me te nos su sus mi mis tu
    tus es ser estar hay no sí ya muy más before until all some any after over into than
    during from about again
    """.split()  # noqa: SIM905
)
