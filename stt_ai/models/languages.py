"""The languages that Whisper knows: its own codes and their English names in lower case.

Codes are ISO 639-1 where that has one. Whisper's own departures: `haw` (Hawaiian) and `yue` (Cantonese) have no
two-letter code, and `jw` is its code for Javanese, which ISO 639-1 calls `jv`.
"""

import re

ENGLISH = "en"
CANTONESE = "yue"

_NAMES = {
    "af": "afrikaans",
    "am": "amharic",
    "ar": "arabic",
    "as": "assamese",
    "az": "azerbaijani",
    "ba": "bashkir",
    "be": "belarusian",
    "bg": "bulgarian",
    "bn": "bengali",
    "bo": "tibetan",
    "br": "breton",
    "bs": "bosnian",
    "ca": "catalan",
    "cs": "czech",
    "cy": "welsh",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fo": "faroese",
    "fr": "french",
    "gl": "galician",
    "gu": "gujarati",
    "ha": "hausa",
    "haw": "hawaiian",
    "he": "hebrew",
    "hi": "hindi",
    "hr": "croatian",
    "ht": "haitian creole",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "is": "icelandic",
    "it": "italian",
    "ja": "japanese",
    "jw": "javanese",
    "ka": "georgian",
    "kk": "kazakh",
    "km": "khmer",
    "kn": "kannada",
    "ko": "korean",
    "la": "latin",
    "lb": "luxembourgish",
    "ln": "lingala",
    "lo": "lao",
    "lt": "lithuanian",
    "lv": "latvian",
    "mg": "malagasy",
    "mi": "maori",
    "mk": "macedonian",
    "ml": "malayalam",
    "mn": "mongolian",
    "mr": "marathi",
    "ms": "malay",
    "mt": "maltese",
    "my": "myanmar",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "nynorsk",
    "no": "norwegian",
    "oc": "occitan",
    "pa": "punjabi",
    "pl": "polish",
    "ps": "pashto",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sa": "sanskrit",
    "sd": "sindhi",
    "si": "sinhala",
    "sk": "slovak",
    "sl": "slovenian",
    "sn": "shona",
    "so": "somali",
    "sq": "albanian",
    "sr": "serbian",
    "su": "sundanese",
    "sv": "swedish",
    "sw": "swahili",
    "ta": "tamil",
    "te": "telugu",
    "tg": "tajik",
    "th": "thai",
    "tk": "turkmen",
    "tl": "tagalog",
    "tr": "turkish",
    "tt": "tatar",
    "uk": "ukrainian",
    "ur": "urdu",
    "uz": "uzbek",
    "vi": "vietnamese",
    "yi": "yiddish",
    "yo": "yoruba",
    "yue": "cantonese",
    "zh": "chinese",
}

_FIRST = ("en", "es", "fr")
"""The order in which the public documentation shows them; the rest follows by name."""

LANGUAGES: dict[str, str] = {
    code: _NAMES[code] for code in (*_FIRST, *sorted(_NAMES.keys() - set(_FIRST), key=_NAMES.__getitem__))
}
"""Code to English name: all 100, English first."""

_THREE_LETTERS = (
    "af:afr am:amh ar:ara,arb as:asm az:aze,azj ba:bak be:bel bg:bul bn:ben bo:bod,tib br:bre bs:bos ca:cat cs:ces,cze "
    "cy:cym,wel da:dan de:deu,ger el:ell,gre en:eng es:spa et:est,ekk eu:eus,baq fa:fas,per,pes,prs fi:fin fo:fao "
    "fr:fra,fre gl:glg gu:guj ha:hau he:heb hi:hin hr:hrv ht:hat hu:hun hy:hye,arm id:ind is:isl,ice it:ita ja:jpn "
    "jw:jav ka:kat,geo kk:kaz km:khm kn:kan ko:kor la:lat lb:ltz ln:lin lo:lao lt:lit lv:lav,lvs mg:mlg,plt mi:mri,mao "
    "mk:mkd,mac ml:mal mn:mon,khk mr:mar ms:msa,may,zsm mt:mlt my:mya,bur ne:nep,npi nl:nld,dut nn:nno no:nor,nob "
    "oc:oci pa:pan pl:pol ps:pus pt:por ro:ron,rum,mol ru:rus sa:san sd:snd si:sin sk:slk,slo sl:slv sn:sna so:som "
    "sq:sqi,alb sr:srp su:sun sv:swe sw:swa,swh ta:tam te:tel tg:tgk th:tha tk:tuk tl:tgl,fil tr:tur tt:tat uk:ukr "
    "ur:urd uz:uzb,uzn vi:vie yi:yid yo:yor zh:zho,chi,cmn"
)
"""ISO 639-2, terminological and bibliographic, and of ISO 639-3 the standard form of a macrolanguage."""

_OTHER_CODES = {"jv": "jw", "nb": "no", "iw": "he", "in": "id", "ji": "yi", "mo": "ro"}
"""ISO 639-1 codes for which Whisper has another, and those that ISO 639-1 withdrew."""

ALIASES = _OTHER_CODES | {
    alias: code
    for code, aliases in (entry.split(":") for entry in _THREE_LETTERS.split())
    for alias in aliases.split(",")
}
"""Codes of other standards -> Whisper's, where they can mean only one language. `sh` (Serbo-Croatian) means three."""

_OTHER_NAMES = {
    "bokmål": "no",
    "burmese": "my",
    "castilian": "es",
    "farsi": "fa",
    "filipino": "tl",
    "flemish": "nl",
    "haitian": "ht",
    "letzeburgesch": "lb",
    "mandarin": "zh",
    "moldavian": "ro",
    "moldovan": "ro",
    "norwegian bokmål": "no",
    "norwegian nynorsk": "nn",
    "panjabi": "pa",
    "pushto": "ps",
    "sinhalese": "si",
    "valencian": "ca",
}

_CODES_BY_NAME = _OTHER_NAMES | {name: code for code, name in LANGUAGES.items()}

_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<extended>[a-z]{3}))?"
    r"(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(-[a-wyz0-9](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?"
)
"""RFC 5646, 2.1: language, extended language, script, region, variants, extensions, private use."""


def language_code(value: str) -> str | None:
    """Return Whisper's code for a language tag (`pt-BR`, `zh-Hant`, `en_US`, `eng`) or an English name, or None.

    Case does not matter. The script and the region of a tag say nothing about which language is spoken, but an
    extended language does: `zh-yue` is Cantonese.
    """
    wanted = value.strip().lower()
    named = _CODES_BY_NAME.get(wanted)
    # A POSIX locale has an encoding too: en_US.UTF-8.
    tag = _TAG.fullmatch(re.sub(r"[.@].*", "", wanted).replace("_", "-"))
    if named or tag is None:
        return named
    subtag = tag["extended"] or tag["language"]
    code = ALIASES.get(subtag, subtag)
    return code if code in LANGUAGES else None
