"""How people name days and times in English and Spanish, and how they change them."""

import re

_I = re.IGNORECASE
WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
MONTH = (
    r"(?-i:January|February|March|April|May|June|July|August|September|October|November|December)|enero|febrero|"
    r"marzo|abril|"
    r"mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
DATE = (
    rf"(?:(?:next |this |el próximo |este )?(?:{WEEKDAY})"
    rf"(?: the \d{{1,2}}(?:st|nd|rd|th)?| \d{{1,2}}(?: de (?:{MONTH}))?)?"
    rf"(?: (?:morning|afternoon|evening|night|noon|por la mañana|por la tarde))?(?: at \w+(?: [ap]\.?m\.?)?)?|"
    rf"(?:the )?\d{{1,2}}(?:st|nd|rd|th)(?: of (?:{MONTH}))?|(?:{MONTH}) (?:the )?\d{{1,2}}(?:st|nd|rd|th)?|"
    rf"(?:el )?(?:día )?\d{{1,2}} de (?:{MONTH})|el día \d{{1,2}}|"
    rf"tomorrow(?: morning| afternoon| evening)?|today|tonight|"
    rf"mañana(?: mismo| por la (?:mañana|tarde))?|hoy|esta (?:misma )?(?:tarde|noche|semana)|"
    rf"(?:the )?end of (?:the |this |next )?(?:day|week|month|quarter|year)|(?:final|finales) de (?:mes|semana|año)|"
    rf"(?:next|this) (?:week|month|year|weekend|morning|afternoon|evening)|"
    rf"(?:(?<=within )|(?<=in ))(?:the next )?(?:an?|one|two|three|four|five|six|seven|ten|\d+) (?:hour|day|week|"
    rf"month)s?|"
    rf"the weekend|(?:el|este) fin de semana|la (?:próxima semana|semana que viene)|"
    rf"el (?:próximo mes|mes que viene)|noon|midnight|lunch|(?:{MONTH})|\d{{1,2}}(?::\d\d)? ?[ap]\.?m\.?)"
)
WHEN = re.compile(
    rf"(?:\b(?:not before|not until|by|before|on|until|no later than|not later than|within|this coming|in|at|para|"
    rf"antes del?|hasta|el|en|"
    rf"a)\s+)?(?:the |el )?\b{DATE}(?!\w)",
    _I,
)
SOON = re.compile(r"\b(?:en cuanto|enseguida|ahora mismo|luego|más tarde|después)\b", _I)
"""As good as a date, where the present tense promises."""
WHEN_AHEAD = re.compile(
    rf"^\W*(?:(?:so|and|then|but|ok(?:ay)?|yes|yeah|well|right|pues|y|vale|sí)\W+)*(?P<when>{WHEN.pattern})\W*$", _I
)
"""A date that begins the sentence of a promise: "On Monday I'll …"."""
ASKS_WHEN = re.compile(r"\b(?:by when|when (?:can|could|will)|until when|para cuándo|cuándo|deadline)\b", _I)
NEW_DATE = re.compile(
    rf"^\W*(?:(?:(?:not|no) (?:(?:by|on|el|para el) )?{DATE}|no|sorry|I mean|actually|or rather|wait|"
    rf"make (?:it|that)|perdón|digo|mejor|espera)\b,? (?:but |sino )?)+"
    rf"(?P<date>(?:(?:by|on|el|para el) )?{DATE})\W|"
    rf"^(?P<mended>(?:(?:by|on|el) )?{DATE}),? (?:I mean|rather|sorry|I meant|then|perdón|digo|quiero decir|"
    rf"entonces)\b",
    _I,
)
"""Corrects the date that the same person gave before."""
CORRECTED = re.compile(
    rf"\b{DATE},? (?:(?:no|sorry|I mean|or rather|wait|perdón|digo|mejor)\b,? )+(?P<later>{DATE})(?!\w)", _I
)
"""A date that is corrected in the same sentence."""
