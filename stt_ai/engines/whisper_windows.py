"""Windows -> texts and words, each from the shortest encoding whose text is plausible."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stt_ai.engines.whisper_alignment import WordAligner
from stt_ai.engines.whisper_decode import DecodingTask, EncoderOutput, decode, decode_greedily, decode_once
from stt_ai.engines.whisper_lengths import ENGLISH
from stt_ai.engines.whisper_model import LoadedWhisper
from stt_ai.speech.fallback import DecodingResult, FallbackThresholds, is_implausible, likeliest, repeats_itself
from stt_ai.speech.language import Languages, candidates
from stt_ai.speech.pauses import trim_pauses
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Samples, Task, TokenizedWord, Word

MAX_PARTIAL_COMPRESSION = 1.4
"""Compression ratio above which a truncated partial loops: so short a loop stays below `FallbackThresholds`."""

WindowInput = tuple[Samples, DecodingOptions]


@dataclass(frozen=True, slots=True)
class Trial:
    """One pass over windows, encoded at ``frames``. ``later``: how many greater lengths are left to try.

    ``partial``: the text will be decoded again when more has been said.
    """

    frames: int
    later: int
    partial: bool = False


@dataclass(slots=True)
class DecodedWindow:
    """One window's text. ``encoded`` holds the window's encoding in row ``task.row``, for later steps.

    ``languages``: (code, probability), that of the text first. ``words``: empty for a partial.
    """

    encoded: EncoderOutput
    task: DecodingTask
    attempt: DecodingResult
    languages: Languages
    words: tuple[Word, ...] = ()


class WindowDecoder:
    """Decodes windows, all of one length, with one model. Each step uses the same encoding."""

    def __init__(self, model: LoadedWhisper, thresholds: FallbackThresholds) -> None:
        self._model = model
        self._thresholds = thresholds
        self._aligner = WordAligner(model, thresholds)

    def partials(self, windows: Sequence[WindowInput]) -> list[DecodedWindow]:
        """Return a partial of each window, decoded once and without words."""
        return self._decode_until_plausible(windows, self._decode_partial, lambda _: False)

    def words(self, windows: Sequence[WindowInput]) -> list[DecodedWindow]:
        """Return each window with its words, timed where the options ask for it.

        A window is decoded at its shortest length first, and at the next one as long as its text is doubtful.
        """
        return self._decode_until_plausible(
            windows, self._decode_words, lambda one: is_implausible(one.attempt, self._thresholds)
        )

    def _decode_until_plausible(
        self,
        windows: Sequence[WindowInput],
        decode_at: Callable[[Sequence[WindowInput], Trial], Sequence[DecodedWindow | None]],
        is_doubtful_at: Callable[[DecodedWindow], bool],
    ) -> list[DecodedWindow]:
        """Decode windows at ever greater lengths, until none is doubtful or too short for its language."""
        samples, options = windows[0]
        lengths = self._model.lengths_to_try(samples, options.language)
        decoded: dict[int, DecodedWindow] = {}
        rows = list(range(len(windows)))
        for later, frames in zip(reversed(range(len(lengths))), lengths, strict=True):
            again = []
            for row, one in zip(rows, decode_at([windows[row] for row in rows], Trial(frames, later)), strict=True):
                if one is not None:
                    decoded[row] = one
                if one is None or (later and is_doubtful_at(one)):
                    again.append(row)
            rows = again
            if not rows:
                break
        return [decoded[row] for row in range(len(windows))]

    def tokenized_words(self, decoded: DecodedWindow) -> tuple[TokenizedWord, ...]:
        """Return the words after the prefix in a window's partial; none where it repeats itself."""
        attempt = decoded.attempt
        loops = attempt.truncated and attempt.compression_ratio > MAX_PARTIAL_COMPRESSION
        if loops or repeats_itself(attempt, self._thresholds):
            return ()
        return self._aligner.tokenized_words(decoded.task, decoded.attempt)

    def _decode_words(self, windows: Sequence[WindowInput], trial: Trial) -> list[DecodedWindow | None]:
        """Decode windows, and align the words of those that will not be decoded again."""
        decoded = self._decode(windows, trial)
        kept = [one for one in decoded if one and not (trial.later and is_implausible(one.attempt, self._thresholds))]
        for one in kept:
            one.task.timed |= one.attempt.truncated  # to know where the rest begins
        if kept:
            words = self._aligner.words(kept[0].encoded, [one.task for one in kept], [one.attempt for one in kept])
            for one in kept:
                found = words[one.task.row]
                one.words = trim_pauses(found, windows[one.task.row][0]) if one.task.timed else found
        return decoded

    def _decode_partial(self, windows: Sequence[WindowInput], trial: Trial) -> list[DecodedWindow | None]:
        return self._decode(windows, replace(trial, partial=True))

    def _decode(self, windows: Sequence[WindowInput], trial: Trial) -> list[DecodedWindow | None]:
        """Return each window's text, and None for those that turn out to be in a language that needs more silence."""
        encoded = self._model.encode([samples for samples, _ in windows], trial.frames)
        tables = self._languages(encoded, [options for _, options in windows])
        rivals = [
            [self._task(row, window, code, trial) for code in candidates(table)]
            for row, (window, table) in enumerate(zip(windows, tables, strict=True))
            if self._is_long_enough(window, table[0][0], trial)
        ]
        tasks = [
            task
            for task in self._likeliest_of_each(encoded, rivals)
            if self._is_long_enough(windows[task.row], task.spoken, trial)
        ]
        decoded: list[DecodedWindow | None] = [None] * len(windows)
        for task, attempt in zip(tasks, decode(self._model, encoded, tasks, self._thresholds), strict=True):
            decoded[task.row] = DecodedWindow(encoded, task, attempt, _first(task.spoken, tables[task.row]))
        return decoded

    def _likeliest_of_each(
        self, encoded: EncoderOutput, rivals: Sequence[Sequence[DecodingTask]]
    ) -> list[DecodingTask]:
        """Return of each window's tasks, one a language, the one whose text is the likeliest."""
        for tasks in rivals:
            if len(tasks) > 1:  # decoded alike: a beam's text would win against a greedy one
                compare = decode_greedily if any(task.greedy_first for task in tasks) else decode_once
                compare(self._model, encoded, tasks)
        return [
            tasks[likeliest([task.greedy or task.attempts[-1] for task in tasks], self._thresholds)]
            if tasks[1:]
            else tasks[0]
            for tasks in rivals
        ]

    def _is_long_enough(self, window: WindowInput, code: str, trial: Trial) -> bool:
        """Return whether enough silence follows the window for its language to be decoded in ``code``."""
        return not trial.later or self._model.lengths_to_try(window[0], code)[0] <= trial.frames

    def _languages(self, encoded: EncoderOutput, options: Sequence[DecodingOptions]) -> list[Languages]:
        """Return for each window the language of its options, else all languages with their probabilities."""
        tables: list[Languages] = [((option.language or ENGLISH, 1.0),) for option in options]
        unknown = [row for row, option in enumerate(options) if option.language is None]
        if unknown and self._model.multilingual:
            for row, table in zip(unknown, self._model.detect(encoded, unknown), strict=True):
                tables[row] = table
        return tables

    def _task(self, row: int, window: WindowInput, code: str, trial: Trial) -> DecodingTask:
        """No second attempt is made at a length, however doubtful the first is, unless it is the last."""
        samples, options = window
        context = self._model.context(options.context)
        temperatures = options.temperatures or (0.0,)
        shortened = bool(trial.later) and not trial.partial
        return DecodingTask(
            row=row,
            start=self._model.prompt(code, options.task),
            language=ENGLISH if options.task is Task.TRANSLATE else code,
            spoken=code,
            seconds=len(samples) / SAMPLE_RATE,
            beam_size=options.beam_size,
            temperatures=temperatures[:1] if shortened else temperatures,
            before=self._model.before(options.prompt),
            prefix=(*context, *options.prefix),
            context=len(context),
            timed=options.word_timestamps,
            partial=trial.partial,
            shortened=shortened,
            greedy_threshold=self._model.greedy_threshold(code),
        )


def _first(code: str, table: Languages) -> Languages:
    """Return the table with the language ``code`` first."""
    return tuple(sorted(table, key=lambda one: one[0] != code))
