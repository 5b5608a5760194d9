"""Training windows: utterances laid out in time, noise and silence, and what Whisper's decoder is to say about them."""

import json
import math
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from .grammar import LANGUAGES, WORD_ID, finished, words
from .phonemes import phonemes_over
from .tokenizer import (
    END,
    FIRST_TIMESTAMP,
    LANGUAGE_TOKENS,
    NO_SPEECH,
    NO_TIMESTAMPS,
    PREVIOUS,
    START,
    TRANSCRIBE,
    SmallVocabulary,
)  # fmt: skip
from .voices import SAMPLE_RATE

NAMES = {(language, word.lower()): word for language in LANGUAGES for word in words(language) if word[0].isupper()}
FRAME = 0.02
TIMESTAMP_STEP = 0.1  # timestamps are taught in tenths of a second: starts rounded down, ends up
SHARE_WITHOUT_SPEECH = 0.1
SHARE_PADDED = 0.4
SHARE_ENGLISH = 0.8
ENGINE_WEIGHT = {"espeak": 2, "flite": 5, "festival": 4}  # the voices of one engine are alike, more so of espeak
SHARE_WITH_PROMPT = 0.12
SHARE_TIMESTAMPS = 0.5
IGNORED = -100


@dataclass
class Spoken:
    """One sentence, or a run of its words, as spoken: words without punctuation and their times in seconds."""

    language: str
    words: list[str]
    mark: str
    samples: NDArray[np.int16]
    times: list[tuple[float, float]]

    @property
    def text(self) -> str:
        return finished(" ".join(self.words), self.mark, self.language)

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


class Corpus:
    """The shards of a folder; `refresh` picks up those written since."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[Path] = set()
        self._items: dict[str, dict[str, list[tuple[NDArray[np.int16], dict]]]] = {la: {} for la in LANGUAGES}
        self.refresh()

    def refresh(self) -> None:
        for path in sorted(set(self._folder.glob("*.json")) - self._known):
            shard, samples = json.loads(path.read_text()), np.load(path.with_suffix(".npy"), mmap_mode="r")
            voice = self._items[shard["language"]].setdefault(shard["voice"], [])
            voice += [(samples[i["offset"] : i["offset"] + i["size"]], i) for i in shard["items"]]
            self._known.add(path)

    def __len__(self) -> int:
        return sum(len(items) for voices in self._items.values() for items in voices.values())

    def voice(self, language: str, rng: random.Random) -> str:
        voices = list(self._items[language])
        return rng.choices(voices, [ENGINE_WEIGHT[voice.split(":")[0]] for voice in voices])[0]

    def draw(self, language: str, voice: str, rng: random.Random) -> Spoken:
        samples, item = rng.choice(self._items[language][voice])
        text = item["text"]
        bare = [word.strip("¿.?").lower() for word in text.split()]
        bare = [NAMES.get((language, word), word) for word in bare]
        return Spoken(language, bare, text[-1], samples, [tuple(pair) for pair in item["times"]])


def cropped(spoken: Spoken, first: int, last: int) -> Spoken:
    """Words `first` to `last` (excluded) of an utterance, faded over 10 ms at the cuts."""
    start, end = spoken.times[first][0], spoken.times[last - 1][1]
    if last == len(spoken.words):
        end = spoken.seconds
    samples = spoken.samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].astype(np.float32)
    ramp = np.linspace(0, 1, min(160, len(samples)), dtype=np.float32)
    samples[: len(ramp)] *= ramp
    samples[len(samples) - len(ramp) :] *= ramp[::-1]
    times = [(a - start, b - start) for a, b in spoken.times[first:last]]
    mark = spoken.mark if last == len(spoken.words) and first == 0 else "."
    return Spoken(spoken.language, spoken.words[first:last], mark, samples.astype(np.int16), times)


@dataclass
class Window:
    """What the model is given and what it must write: tokens are rows of the small vocabulary, spans are seconds."""

    wave: NDArray[np.float32]
    content_samples: int
    floor: float
    tokens: list[int]
    labels: list[int]
    spans: list[tuple[float, float]]
    frame_phonemes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    words: list[tuple[int, int, int]] = field(default_factory=list)  # first frame, last excluded, word


class WindowMaker:
    """Draws windows of a given length."""

    def __init__(self, corpus: Corpus, vocabulary: SmallVocabulary, seed: int) -> None:
        self.corpus, self.vocabulary = corpus, vocabulary
        self.rng = random.Random(seed)
        self.noise = np.random.default_rng(seed)
        self._encoded: dict[str, list[tuple[int, int]]] = {}

    def draw(self, seconds: float, offset: float, crop: float, dense: bool = False, limit: float = math.inf) -> Window:
        """A window of `seconds` whose first frame stands at `offset` seconds; `crop` is the share of cut sentences.

        A dense window has little padding and rarely no speech: more to learn from in less time.
        """
        rng, size = self.rng, round(seconds * SAMPLE_RATE)
        # The rest beyond `content` becomes zeros of the mel domain, as faster-whisper pads short audio.
        padded = seconds > limit or rng.random() < (0.12 if dense else SHARE_PADDED)
        content = math.exp(rng.uniform(math.log(1.5), math.log(min(seconds, limit)))) if padded else seconds
        content = min(seconds, max(1.0, round(content / FRAME) * FRAME))
        content_samples = round(content * SAMPLE_RATE)
        floor = rng.uniform(-1.0, 2.5) if rng.random() < 0.35 else -20.0
        language = "en" if rng.random() < SHARE_ENGLISH else "es"
        wave = np.zeros(size, np.float32)
        without = rng.random() < (0.04 if dense else SHARE_WITHOUT_SPEECH)
        spoken = [] if without else self._fill(wave, content, language, crop)
        if spoken:
            self._add_noise(wave)
        else:
            wave = self._without_speech(size)
        wave[content_samples:] = 0
        tokens, labels, spans = self._say(spoken, language, offset, seconds)
        window = Window(wave, content_samples, floor, tokens, labels, spans)
        window.frame_phonemes = np.zeros(round(seconds / FRAME), np.int64)
        for at, sentence in spoken:
            for word, (a, b) in zip(sentence.words, sentence.times, strict=True):
                first, last = round((at + a) / FRAME), min(round((at + b) / FRAME), len(window.frame_phonemes))
                window.words.append((first, max(last, first + 1), WORD_ID[language, word.lower()]))
                window.frame_phonemes[first:last] = phonemes_over(language, word, last - first)
        return window

    def _fill(
        self, wave: NDArray[np.float32], seconds: float, language: str, crop: float
    ) -> list[tuple[float, Spoken]]:
        """Lay sentences into the wave with gaps between; returns (start, sentence)."""
        rng, spoken = self.rng, []
        voice = self.corpus.voice(language, rng)
        several = rng.random() < 0.4
        until = seconds - 0.05
        if seconds > 6 and rng.random() < 0.25:
            until = rng.uniform(3, seconds)
        at = rng.uniform(0, min(3.0, seconds / 2)) if rng.random() < 0.15 else rng.uniform(0, 0.5)
        if rng.random() < 0.3:
            at = rng.uniform(0, 0.05)
        level = 10 ** rng.uniform(-0.7, 0.2)
        failures = 0
        while failures < 6:
            one = self.corpus.draw(language, self.corpus.voice(language, rng) if several else voice, rng)
            left = until - at
            if one.seconds > left or rng.random() < crop:
                one = self._crop(one, left)
            if one is None:
                failures += 1
                continue
            first = round(at * SAMPLE_RATE)
            room = wave[first : first + len(one.samples)]  # rounding may leave it a few samples short
            room += one.samples[: len(room)].astype(np.float32) / 32768 * level * rng.uniform(0.7, 1.2)
            spoken.append((at, one))
            at += one.seconds + (rng.uniform(0.15, 1.0) if rng.random() < 0.85 else rng.uniform(1.0, 3.0))
            if until - at < 0.7:
                break
        return spoken

    def _crop(self, one: Spoken, left: float) -> Spoken | None:
        """The longest run from a random word that fits, cut shorter at random; None where nothing fits."""
        first = self.rng.randrange(len(one.words)) if self.rng.random() < 0.6 else 0
        fitting = [
            k for k in range(first + 1, len(one.words) + 1) if one.times[k - 1][1] - one.times[first][0] < left - 0.06
        ]
        if not fitting:
            return None
        last = fitting[-1] if self.rng.random() < 0.6 else self.rng.choice(fitting)
        return cropped(one, first, last)

    def _add_noise(self, wave: NDArray[np.float32]) -> None:
        kind = self.rng.random()
        if kind < 0.15:
            return
        noise = self.noise.standard_normal(len(wave), dtype=np.float32)
        if kind < 0.25:
            noise = _pink(noise)
        wave += noise * 10 ** self.rng.uniform(-4.7, -2.2)

    def _without_speech(self, size: int) -> NDArray[np.float32]:
        """Silence, noise, tones, hum, clicks, or several of them."""
        rng, time = self.rng, np.arange(size, dtype=np.float32) / SAMPLE_RATE
        kind, level = rng.randrange(6), 10 ** rng.uniform(-3, -0.3)
        noise = self.noise.standard_normal(size, dtype=np.float32)
        if kind == 0:
            return np.zeros(size, np.float32)
        if kind == 1:
            return noise * 10 ** rng.uniform(-5, -0.7)
        if kind == 2:
            return _pink(noise) * 10 ** rng.uniform(-4.5, -0.8)
        if kind == 3:
            wave = level * np.sin(2 * np.pi * 10 ** rng.uniform(2, 3.4) * time)
        elif kind == 4:
            base = rng.choice([50, 60, 100, 120, 220])
            wave = sum(level / k * np.sin(2 * np.pi * base * k * time) for k in range(1, rng.randint(2, 8)))
        else:
            wave = level * (self.noise.random(size) < 2 / SAMPLE_RATE) * np.sign(noise)
        return (wave + (noise * 10 ** rng.uniform(-5, -2.5) if rng.random() < 0.6 else 0)).astype(np.float32)

    def _say(
        self, spoken: list[tuple[float, Spoken]], language: str, offset: float, seconds: float
    ) -> tuple[list[int], list[int], list[tuple[float, float]]]:
        """Rows, labels and spans; label i is what follows token i, span i is when token i is spoken."""
        rng, row = self.rng, self.vocabulary.row
        timed = rng.random() < SHARE_TIMESTAMPS
        none = (-1.0, -1.0)
        prompt = self._prompt(language, longest=120 if seconds > 10 else 16) if rng.random() < SHARE_WITH_PROMPT else []
        head = [*prompt, *(row(t) for t in (START, LANGUAGE_TOKENS[language], TRANSCRIBE))]
        if not timed:
            head.append(row(NO_TIMESTAMPS))
        body: list[tuple[int, tuple[float, float]]] = []
        taught_from = len(head)
        if not spoken and timed:
            body.append((row(FIRST_TIMESTAMP + round(offset / FRAME)), none))
        previous_end = 0
        for index, (at, sentence) in enumerate(spoken):
            begin, end = at + sentence.times[0][0], at + sentence.times[-1][1]
            tick = max(previous_end, int(np.floor((offset + begin) / TIMESTAMP_STEP + 1e-6)) * 5)
            if timed:
                if index == 0 and begin > 1.0 and offset == 0 and rng.random() < 0.4:
                    tick, taught_from = 5 * rng.randint(0, 10), len(head) + 1  # the decoder may be held to 1 s at first
                body.append((row(FIRST_TIMESTAMP + tick), (begin, begin + 0.1)))
            body += [(r, (at + a, at + b)) for r, (a, b) in self._timed_tokens(sentence)]
            if timed:
                previous_end = min(1500, max(tick + 5, int(np.ceil((offset + end) / TIMESTAMP_STEP - 1e-6)) * 5))
                body.append((row(FIRST_TIMESTAMP + previous_end), (end, end + 0.1)))
        body.append((row(END), none))
        tokens = head + [r for r, _ in body]
        spans = [none] * len(head) + [span for _, span in body]
        labels = [IGNORED] * taught_from + tokens[taught_from:]
        labels[len(prompt) + 1] = row(LANGUAGE_TOKENS[language] if spoken else NO_SPEECH)
        return tokens[:-1], labels[1:], spans

    def _prompt(self, language: str, longest: int) -> list[int]:
        """What was said before, as faster-whisper puts it before a window."""
        row, tokens = self.vocabulary.row, []
        timed = self.rng.random() < 0.5
        tick = 0
        for _ in range(self.rng.choice([1, 1, 2, 3, 6])):
            sentence = self.corpus.draw(language, self.corpus.voice(language, self.rng), self.rng)
            if timed:
                tokens.append(row(FIRST_TIMESTAMP + min(tick, 1500)))
            tokens += [r for r, _ in self._timed_tokens(sentence)]
            tick += self.rng.randint(10, 40) * 5
            if timed:
                tokens.append(row(FIRST_TIMESTAMP + min(tick, 1500)))
        return [row(PREVIOUS), *tokens[-longest:]]

    def _timed_tokens(self, sentence: Spoken) -> list[tuple[int, tuple[float, float]]]:
        """Token rows of " Sentence." with the time of each: a word's time is shared out by letters."""
        result: list[tuple[int, tuple[float, float]]] = []
        for index, (word, (start, end)) in enumerate(zip(sentence.words, sentence.times, strict=True)):
            parts = [f" {word}"]
            if index == 0:
                capital = word[:1].upper() + word[1:]
                question = sentence.mark == "?" and sentence.language == "es"
                parts = [" ¿", capital] if question else [f" {capital}"]
            pieces = [piece for part in parts for piece in self._encode(part)]
            total, used = sum(length for _, length in pieces), 0
            for token, length in pieces:
                a, b = (start + (end - start) * k / total for k in (used, used + length))
                result.append((token, (a, b)))
                used += length
        end = sentence.times[-1][1]
        result += [(token, (end - 0.04, end + 0.06)) for token, _ in self._encode(sentence.mark)]
        return result

    def _encode(self, text: str) -> list[tuple[int, int]]:
        if text not in self._encoded:
            code = self.vocabulary.tokenizer.encode(text)
            lengths = [max(1, b - a - (i == 0 and text[0] == " ")) for i, (a, b) in enumerate(code.offsets)]
            self._encoded[text] = [(self.vocabulary.row(t), n) for t, n in zip(code.ids, lengths, strict=True)]
        return self._encoded[text]


def _pink(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(noise) / np.sqrt(np.maximum(1, np.arange(len(noise) // 2 + 1)))
    pink = np.fft.irfft(spectrum, len(noise))
    return (pink / (pink.std() + 1e-9)).astype(np.float32)


class Mel:
    """Log-mel features equal to faster-whisper's, for a batch of windows."""

    def __init__(self) -> None:
        self._filters = torch.tensor(FeatureExtractor().mel_filters, dtype=torch.float32)
        self._taper = torch.hann_window(400)

    def __call__(self, waves: torch.Tensor, contents: list[int], floors: list[float]) -> torch.Tensor:
        """(batch, samples) to (batch, 80, samples / 160); beyond a window's content the features are zero.

        `floors` are lower bounds of the loudest bin, in log10 power: a louder place elsewhere in the file.
        """
        power = torch.stft(waves, 400, 160, window=self._taper, center=True, pad_mode="reflect", return_complex=True)
        mel = (self._filters @ (power[..., :-1].abs() ** 2)).clamp(min=1e-10).log10()
        for index, content in enumerate(contents):
            frames = content // 160
            loudest = max(float(mel[index, :, :frames].max()), floors[index])
            mel[index] = (mel[index].clamp(min=loudest - 8) + 4) / 4
            mel[index, :, frames:] = 0
        return mel


def batch(
    maker: WindowMaker,
    mel: Mel,
    size: int,
    seconds: float,
    offset_frames: int,
    crop: float,
    dense: bool = False,
    limit: float = math.inf,
) -> dict[str, np.ndarray]:
    """One padded batch; spans are frames (first, last excluded) of the label, -1 where there is none."""
    windows = [maker.draw(seconds, offset_frames * FRAME, crop, dense, limit) for _ in range(size)]
    features = mel(
        torch.from_numpy(np.stack([w.wave for w in windows])),
        [w.content_samples for w in windows],
        [w.floor for w in windows],
    )
    longest = max(len(w.tokens) for w in windows)
    tokens = np.zeros((size, longest), np.int64)
    labels = np.full((size, longest), IGNORED, np.int64)
    spans = np.full((size, longest + 1, 2), -1.0, np.float32)
    for index, w in enumerate(windows):
        tokens[index, : len(w.tokens)] = w.tokens
        labels[index, : len(w.labels)] = w.labels
        spans[index, : len(w.spans)] = w.spans
    return {
        "mel": features.numpy(),
        "tokens": tokens,
        "labels": labels,
        "spans": spans,
        "phonemes": np.stack([w.frame_phonemes for w in windows]),
        "words": np.array([(i, *word) for i, w in enumerate(windows) for word in w.words], np.int64).reshape(-1, 4),
        "offset": np.array(offset_frames),
    }
