"""The synthetic voices of the demo recogniser, and how each is made to speak.

Every synthesizer reports when each word starts and ends, so that the corpus carries true word times. All of them are
Debian packages: espeak-ng (libespeak-ng1), flite (libflite1) and festival (festvox-kallpc16k, festvox-kdlpc16k).
"""

import ctypes
import random
import subprocess
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

SAMPLE_RATE = 16_000
ESPEAK_DEFAULT_WPM = 175


class Voice(NamedTuple):
    """One voice: `engine` is espeak, flite or festival; `name` is what that engine calls it."""

    language: str
    engine: str
    name: str

    @property
    def label(self) -> str:
        return f"{self.engine}:{self.name}"


VOICES = (
    Voice("en", "espeak", "en-us"),
    Voice("en", "espeak", "en-gb"),
    Voice("en", "espeak", "en-us+f3"),
    Voice("en", "espeak", "en-us+m3"),
    Voice("en", "flite", "slt"),
    Voice("en", "flite", "rms"),
    Voice("en", "flite", "awb"),
    Voice("en", "festival", "kal_diphone"),
    Voice("en", "festival", "ked_diphone"),
    Voice("es", "espeak", "es"),
    Voice("es", "espeak", "es-419"),
    Voice("es", "espeak", "es+f3"),
    Voice("es", "espeak", "es-419+m3"),
    Voice("es", "espeak", "es-419+f2"),
)


@dataclass(frozen=True)
class Utterance:
    """One spoken sentence: 16 kHz int16 samples and (start, end) seconds of each word of `text.split()`."""

    language: str
    voice: str
    text: str
    samples: NDArray[np.int16]
    times: tuple[tuple[float, float], ...]


class Manner(NamedTuple):
    """How to say it: speaking rate relative to the engine's default (1.0) and pitch relative to the middle."""

    rate: float = 1.0
    pitch: float = 1.0


def random_manner(rng: random.Random) -> Manner:
    """A third of the sentences at the engine's defaults, the rest a little faster, slower, higher or lower."""
    if rng.random() < 0.33:
        return Manner()
    return Manner(rng.uniform(0.8, 1.06), rng.uniform(0.85, 1.15))


def synthesize(voice: Voice, sentences: Sequence[tuple[str, Manner]]) -> Iterator[Utterance]:
    """Yield one utterance per sentence; sentences whose words the engine counts otherwise are left out."""
    speak = {"espeak": _Espeak, "flite": _Flite, "festival": _Festival}[voice.engine]
    engine: Any = speak(voice.name)
    for text, rate, samples, times in engine(sentences):
        wav = _to_16k(samples, rate)
        yield _trimmed(voice, text, wav, times)


def _to_16k(samples: NDArray[np.int16], rate: int) -> NDArray[np.float32]:
    wav = samples.astype(np.float32)
    if rate != SAMPLE_RATE:
        common = gcd(rate, SAMPLE_RATE)
        wav = resample_poly(wav, SAMPLE_RATE // common, rate // common).astype(np.float32)
    return wav


def _trimmed(voice: Voice, text: str, wav: NDArray[np.float32], times: list[tuple[float, float]]) -> Utterance:
    """Cut the silence around the speech (20 ms is left) and bring the peak to -6 dB."""
    loud = np.flatnonzero(np.abs(wav) > 0.01 * np.abs(wav).max())
    first, last = max(0, int(loud[0]) - 320), min(len(wav), int(loud[-1]) + 320)
    wav = wav[first:last] * (16_384 / np.abs(wav).max())
    length, shift = len(wav) / SAMPLE_RATE, first / SAMPLE_RATE
    moved = tuple((min(max(a - shift, 0.0), length), min(max(b - shift, 0.0), length)) for a, b in times)
    return Utterance(voice.language, voice.label, text, wav.astype(np.int16), moved)


class _EspeakEvent(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_int64),
    ]


_ESPEAK_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_EspeakEvent)
)
_SYNCHRONOUS, _EVENT_WORD, _EVENT_LIST_END, _UTF8 = 2, 1, 0, 1
_PARAM_RATE, _PARAM_PITCH = 1, 3
_ESPEAK_FILES = {"en-gb": "en"}  # the library goes by file name, the command line also by language


@cache
def _espeak_library() -> tuple[ctypes.CDLL, int]:
    """The library and its sample rate; it must be initialised only once in a process."""
    library = ctypes.CDLL("libespeak-ng.so.1")
    return library, library.espeak_Initialize(_SYNCHRONOUS, 500, None, 0)


class _Espeak:
    """libespeak-ng through ctypes: word events carry the character and the millisecond where a word begins."""

    def __init__(self, name: str) -> None:
        self._lib, self._rate = _espeak_library()
        self._chunks: list[NDArray[np.int16]] = []
        self._words: list[tuple[int, float]] = []
        self._callback = _ESPEAK_CALLBACK(self._collect)
        self._lib.espeak_SetSynthCallback(self._callback)
        if self._lib.espeak_SetVoiceByName(_ESPEAK_FILES.get(name, name).encode()) != 0:
            raise RuntimeError(f"espeak-ng has no voice {name}")

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_LIST_END:
            if events[index].type == _EVENT_WORD:
                self._words.append((events[index].text_position, events[index].audio_position / 1000))
            index += 1
        return 0

    def __call__(
        self, sentences: Sequence[tuple[str, Manner]]
    ) -> Iterator[tuple[str, int, NDArray[np.int16], list[tuple[float, float]]]]:
        for text, manner in sentences:
            self._chunks, self._words = [], []
            self._lib.espeak_SetParameter(_PARAM_RATE, round(ESPEAK_DEFAULT_WPM * manner.rate), 0)
            self._lib.espeak_SetParameter(_PARAM_PITCH, round(50 * manner.pitch), 0)
            raw = text.encode()
            self._lib.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _UTF8, None, None)
            samples = np.concatenate(self._chunks)
            yield text, self._rate, samples, _word_times(text, self._words, _last_sound(samples, self._rate))


def _word_times(text: str, events: list[tuple[int, float]], end: float) -> list[tuple[float, float]]:
    """Times of each word; espeak says some pairs ("in the") as one word, whose time is shared out by letters."""
    starts: list[float | None] = []
    at_character = dict(reversed(events))
    position = 1
    for word in text.split():
        starts.append(at_character.get(position))
        position += len(word) + 1
    bounds = [*starts, end]
    bounds[0] = bounds[0] or 0.0
    letters = [len(word) for word in text.split()]
    for index, bound in enumerate(bounds):
        if bound is None:
            following = next(k for k in range(index, len(bounds)) if bounds[k] is not None)
            before, after = bounds[index - 1], bounds[following]
            assert before is not None and after is not None
            share = letters[index - 1] / sum(letters[index - 1 : following])
            bounds[index] = before + share * (after - before)
    return [(a, b) for a, b in pairwise(bounds) if a is not None and b is not None]


def _last_sound(samples: NDArray[np.int16], rate: int) -> float:
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    return float(loud[-1]) / rate


class _Flite:
    """libflite through ctypes: the Word relation leads to the segments and so to the times."""

    class _Wave(ctypes.Structure):
        _fields_ = [
            ("type", ctypes.c_char_p),
            ("sample_rate", ctypes.c_int),
            ("num_samples", ctypes.c_int),
            ("num_channels", ctypes.c_int),
            ("samples", ctypes.POINTER(ctypes.c_short)),
        ]

    class _VoiceStruct(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]

    def __init__(self, name: str) -> None:
        self._lib = lib = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for part in ("cmulex", "usenglish"):
            ctypes.CDLL(f"libflite_{part}.so.1", mode=ctypes.RTLD_GLOBAL)
        voice_lib = ctypes.CDLL(f"libflite_cmu_us_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
        for function in ("flite_synth_text", "utt_wave", "utt_relation", "relation_head", "item_next"):
            getattr(lib, function).restype = ctypes.c_void_p
        lib.ffeature_float.restype = ctypes.c_float
        lib.ffeature_string.restype = ctypes.c_char_p
        register = getattr(voice_lib, f"register_cmu_us_{name}")
        register.restype = ctypes.c_void_p
        lib.flite_init()
        self._voice = ctypes.c_void_p(register(None))
        self._features = ctypes.c_void_p(ctypes.cast(self._voice, ctypes.POINTER(self._VoiceStruct))[0].features)

    def __call__(
        self, sentences: Sequence[tuple[str, Manner]]
    ) -> Iterator[tuple[str, int, NDArray[np.int16], list[tuple[float, float]]]]:
        lib = self._lib
        for text, manner in sentences:
            lib.feat_set_float(self._features, b"duration_stretch", ctypes.c_float(1 / manner.rate))
            utterance = ctypes.c_void_p(lib.flite_synth_text(text.encode(), self._voice))
            wav = ctypes.cast(lib.utt_wave(utterance), ctypes.POINTER(self._Wave))[0]
            samples = np.ctypeslib.as_array(wav.samples, (wav.num_samples,)).copy()
            rate, times = wav.sample_rate, self._word_times(utterance)
            lib.delete_utterance(utterance)
            if len(times) == len(text.split()):
                yield text, rate, samples, times

    def _word_times(self, utterance: ctypes.c_void_p) -> list[tuple[float, float]]:
        lib, times = self._lib, []
        item = lib.relation_head(ctypes.c_void_p(lib.utt_relation(utterance, b"Word")))
        while item:
            word = ctypes.c_void_p(item)
            start = lib.ffeature_float(word, b"R:SylStructure.daughter1.daughter1.R:Segment.p.end")
            end = lib.ffeature_float(word, b"R:SylStructure.daughtern.daughtern.R:Segment.end")
            times.append((start, end))
            item = lib.item_next(word)
        return times


class _Festival:
    """One festival process says a whole list: a Scheme script writes the files and prints the word times."""

    _SETUP = """(voice_{name})
(define (say text file stretch)
  (Parameter.set 'Duration_Stretch stretch)
  (let ((utt (eval (list 'Utterance 'Text text))))
    (utt.synth utt) (utt.save.wave utt file 'riff)
    (mapcar (lambda (w) (format t "%f %f " (item.feat w 'word_start) (item.feat w 'word_end)))
            (utt.relation.items utt 'Word))
    (format t "\\n")))
"""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(
        self, sentences: Sequence[tuple[str, Manner]]
    ) -> Iterator[tuple[str, int, NDArray[np.int16], list[tuple[float, float]]]]:
        for first in range(0, len(sentences), 100):
            yield from self._batch(sentences[first : first + 100])

    def _batch(
        self, sentences: Sequence[tuple[str, Manner]]
    ) -> Iterator[tuple[str, int, NDArray[np.int16], list[tuple[float, float]]]]:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "say.scm")
            lines = [
                f'(say "{text}" "{folder}/{index}.wav" {1 / manner.rate:.3f})'
                for index, (text, manner) in enumerate(sentences)
            ]
            script.write_text(self._SETUP.format(name=self._name) + "\n".join(lines) + "\n")
            printed = subprocess.run(["festival", "-b", str(script)], capture_output=True, text=True, check=True).stdout
            for index, ((text, _), line) in enumerate(zip(sentences, printed.splitlines(), strict=True)):
                values = [float(value) for value in line.split()]
                times = list(zip(values[::2], values[1::2], strict=True))
                with wave.open(f"{folder}/{index}.wav") as file:
                    samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
                    rate = file.getframerate()
                if len(times) == len(text.split()):
                    yield text, rate, samples, times
