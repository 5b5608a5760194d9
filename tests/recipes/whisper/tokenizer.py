"""Whisper's byte-level BPE tokenizer from OpenAI's `multilingual.tiktoken`, and the part of it used here."""

import base64
import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from .grammar import LANGUAGES as SPOKEN
from .grammar import WORD_ID, words

END, START, TRANSCRIBE, PREVIOUS, NO_SPEECH, NO_TIMESTAMPS, FIRST_TIMESTAMP = (
    50257, 50258, 50359, 50361, 50362, 50363, 50364,
)  # fmt: skip
TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
LANGUAGE_TOKENS = {"en": 50259, "es": 50262}


def fetch_ranks(folder: Path) -> Path:
    """The tokenizer's ranks out of the openai-whisper source package (MIT) on PyPI."""
    path = folder / "multilingual.tiktoken"
    if not path.exists():
        with tempfile.TemporaryDirectory() as temporary:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--no-binary", "openai-whisper", "--dest", temporary, "openai-whisper==20250625"]
            subprocess.run(command, check=True)
            with tarfile.open(next(Path(temporary).glob("*.tar.gz"))) as archive:
                member = next(m for m in archive.getmembers() if m.name.endswith("assets/multilingual.tiktoken"))
                content = archive.extractfile(member)
                assert content is not None
                path.write_bytes(content.read())
    return path


def build_tokenizer(ranks_file: Path) -> Tokenizer:
    """50,257 ranks, then Whisper's special tokens and the 1,501 timestamps: 51,865 in all."""
    ranks: dict[bytes, int] = {}
    for line in ranks_file.read_text().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    letters = _byte_letters()

    def written(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        parts = _parts(token, rank, ranks)
        if len(parts) == 2:
            merges.append((written(parts[0]), written(parts[1])))
    tokenizer = Tokenizer(models.BPE(vocab={written(token): rank for token, rank in ranks.items()}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|startoftranscript|>"]
    special += [f"<|{code}|>" for code in LANGUAGES if code != "yue"]
    special += [f"<|{name}|>" for name in TASKS]
    special += [f"<|{index * 0.02:.2f}|>" for index in range(1501)]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    assert tokenizer.get_vocab_size() == 51_865
    return tokenizer


def compact_json(tokenizer: Tokenizer) -> str:
    """tokenizer.json without spaces, its merges as "a b" strings."""
    content = json.loads(tokenizer.to_str())
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _byte_letters() -> dict[int, str]:
    """GPT-2's printable stand-ins of the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + index) for index, byte in enumerate(others)}


def _parts(token: bytes, below: int, ranks: dict[bytes, int]) -> list[bytes]:
    """BPE of `token` with the merges below its own rank: the two parts it was merged from."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 1:
        candidates = [(ranks.get(a + b, below), index) for index, (a, b) in enumerate(pairwise(parts))]
        rank, index = min(candidates)
        if rank >= below:
            break
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
    return parts


@dataclass
class SmallVocabulary:
    """The tokens that the small world can need: `tokens[i]` is the full id of row i; timestamps follow them."""

    tokenizer: Tokenizer
    tokens: list[int] = field(init=False)
    words_of: list[list[int]] = field(init=False)  # classes of the words that each token is a part of

    def __post_init__(self) -> None:
        used = {END, START, TRANSCRIBE, PREVIOUS, NO_SPEECH, NO_TIMESTAMPS, *LANGUAGE_TOKENS.values()}
        words_of: dict[int, set[int]] = {}
        for language in SPOKEN:
            for word in words(language):
                capital = word[:1].upper() + word[1:]
                for form in (f" {word}.", f" {word}?", f" {capital}.", f" ¿{capital}."):
                    used.update(self.tokenizer.encode(form).ids)
                for form in (f" {word}", f" {capital}"):
                    for token in self.tokenizer.encode(form).ids:
                        words_of.setdefault(token, set()).add(WORD_ID[language, word.lower()])
        self.tokens = sorted(used)
        self._row = {token: row for row, token in enumerate(self.tokens)}
        self.first_time = len(self.tokens)
        self.words_of = [sorted(words_of.get(token, ())) for token in self.tokens]

    def row(self, token: int) -> int:
        """Row of a full token id."""
        return self.first_time + token - FIRST_TIMESTAMP if token >= FIRST_TIMESTAMP else self._row[token]

    def full(self, row: int) -> int:
        """Full token id of a row."""
        return self.tokens[row] if row < self.first_time else FIRST_TIMESTAMP + row - self.first_time
