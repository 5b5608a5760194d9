"""Numbers in words, as small models like to write what was said in digits."""

_ENGLISH = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty
""".split()  # noqa: SIM905
_SPANISH = """
dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho
diecinueve veinte
""".split()  # noqa: SIM905
_ROUND = {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
    "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60, "setenta": 70, "ochenta": 80, "noventa": 90,
}  # fmt: skip
NUMBER_WORDS = {word: str(number) for words in (_ENGLISH, _SPANISH) for number, word in enumerate(words, start=2)} | {
    word: str(number) for word, number in _ROUND.items()
}
"""Words to digits."""
