"""Windows -> texts and words, each from the shortest encoding whose text can be believed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stt_ai.engines.features import MAX_FRAMES
from stt_ai.engines.whisper_decode import Encoded, Job, attempt_each, decode
from stt_ai.engines.whisper_lengths import ENGLISH
from stt_ai.engines.whisper_model import LoadedWhisper
from stt_ai.engines.whisper_writing import Writer
from stt_ai.speech.cleanup import Attempt, Guards, is_unlikely, repeats_itself
from stt_ai.speech.language import Languages, candidates, choose
from stt_ai.speech.quiet import longest_unspoken, trim_pauses
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Piece, Samples, Task, Word

MAX_DRAFT_COMPRESSION = 1.4
"""Of a draft that was stopped. So short a loop is not as clear as those that `Guards` are made for."""
MAX_UNSPOKEN_S = 2.0
"""Of sound without a word in a shortened window: after more of it the window is decoded again."""

Window = tuple[Samples, DecodingOptions]


@dataclass(slots=True)
class Decoded:
    """One window's text. ``encoded`` holds the window in the row that ``job`` names, for what is still to be done.

    ``languages``: (code, probability), the one that it was decoded in first. ``words``, as far as they were asked for.
    """

    encoded: Encoded
    job: Job
    attempt: Attempt
    languages: Languages
    words: tuple[Word, ...] = ()


class WindowDecoder:
    """One model's way from windows, all of one length, to their texts. What was encoded is used for every step."""

    def __init__(self, model: LoadedWhisper, guards: Guards) -> None:
        self._model = model
        self._guards = guards
        self._writer = Writer(model, guards)

    def texts(self, windows: Sequence[Window]) -> list[Decoded]:
        """Return a draft of each window's text, decoded once and without words."""
        frames = self._model.frames(windows[0][0], windows[0][1].language)
        return self._decode(windows, frames, draft=True)

    def words(self, windows: Sequence[Window]) -> list[Decoded]:
        """Return what was decoded of each window with its words, timed where the options ask for it."""
        return self._believed(windows, self._decode_words, self._is_doubtful)

    def pieces(self, decoded: Decoded) -> tuple[Piece, ...]:
        """Return what comes after the prefix in a window's draft; nothing where it repeats itself."""
        attempt = decoded.attempt
        loops = attempt.cut and attempt.compression_ratio > MAX_DRAFT_COMPRESSION
        if loops or repeats_itself(attempt, self._guards):
            return ()
        return self._writer.pieces(decoded.job, decoded.attempt)

    def _believed(
        self,
        windows: Sequence[Window],
        run: Callable[[Sequence[Window], int], list[Decoded]],
        is_doubtful: Callable[[Decoded, Samples], bool],
    ) -> list[Decoded]:
        """Return what ``run`` gives for the windows' own length, and for 30 s where that is in doubt."""
        samples, options = windows[0]
        frames = self._model.frames(samples, options.language)
        decoded = run(windows, frames)
        if self._is_trial(frames):
            rows = [row for row, one in enumerate(decoded) if is_doubtful(one, windows[row][0])]
            again = run([windows[row] for row in rows], MAX_FRAMES) if rows else []
            for row, one in zip(rows, again, strict=True):
                decoded[row] = one
        return decoded

    def _is_trial(self, frames: int) -> bool:
        """Whether a text of windows of this length has another chance, at 30 s."""
        return self._model.lengths.guarded and frames < MAX_FRAMES

    def _has_no_end(self, decoded: Decoded, samples: Samples) -> bool:
        """Whether the text goes on and on: what a shortened window does to a model at worst."""
        return decoded.attempt.cut or repeats_itself(decoded.attempt, self._guards)

    def _is_doubtful(self, decoded: Decoded, samples: Samples) -> bool:
        """Whether the text has no end, is not likely, or leaves some of the speech out."""
        if self._has_no_end(decoded, samples) or is_unlikely(decoded.attempt, self._guards):
            return True
        checked = decoded.job.timed and not decoded.job.context  # whose words are not among these
        return checked and bool(decoded.words) and longest_unspoken(decoded.words, samples) > MAX_UNSPOKEN_S

    def _decode_words(self, windows: Sequence[Window], frames: int) -> list[Decoded]:
        decoded = self._decode(windows, frames)
        for one in decoded:
            one.job.timed |= one.attempt.cut  # to know where the rest begins
        words = self._writer.words(decoded[0].encoded, [one.job for one in decoded], [one.attempt for one in decoded])
        for one, (samples, _) in zip(decoded, windows, strict=True):
            found = words[one.job.row]
            one.words = trim_pauses(found, samples) if one.job.timed else found
        return decoded

    def _decode(self, windows: Sequence[Window], frames: int, *, draft: bool = False) -> list[Decoded]:
        encoded = self._model.encode([samples for samples, _ in windows], frames)
        tables = self._languages(encoded, [options for _, options in windows])
        rivals = [
            [self._job(row, window, code, once=self._is_trial(frames), draft=draft) for code in candidates(table)]
            for row, (window, table) in enumerate(zip(windows, tables, strict=True))
        ]
        attempt_each(self._model, encoded, [job for jobs in rivals if len(jobs) > 1 for job in jobs])
        jobs = [
            jobs[choose([job.attempts[-1].log_probability for job in jobs])] if jobs[1:] else jobs[0] for jobs in rivals
        ]
        attempts = decode(self._model, encoded, jobs, self._guards)
        return [
            Decoded(encoded, job, attempt, _first(job.spoken, table))
            for job, attempt, table in zip(jobs, attempts, tables, strict=True)
        ]

    def _languages(self, encoded: Encoded, options: Sequence[DecodingOptions]) -> list[Languages]:
        """Return for each window what its options name, else what the model hears: all that it knows."""
        tables: list[Languages] = [((option.language or ENGLISH, 1.0),) for option in options]
        unknown = [row for row, option in enumerate(options) if option.language is None]
        if unknown and self._model.multilingual:
            for row, table in zip(unknown, self._model.detect(encoded, unknown), strict=True):
                tables[row] = table
        return tables

    def _job(self, row: int, window: Window, code: str, *, once: bool, draft: bool) -> Job:
        """``once``: no second attempt at this length, however doubtful the first is."""
        samples, options = window
        context = self._model.context(options.context)
        temperatures = options.temperatures or (0.0,)
        return Job(
            row=row,
            start=self._model.prompt(code, options.task),
            language=ENGLISH if options.task is Task.TRANSLATE else code,
            spoken=code,
            seconds=len(samples) / SAMPLE_RATE,
            beam_size=options.beam_size,
            temperatures=temperatures[:1] if once else temperatures,
            before=self._model.before(options.prompt),
            prefix=(*context, *options.prefix),
            context=len(context),
            timed=options.word_times,
            draft=draft,
        )


def _first(code: str, table: Languages) -> Languages:
    """Return the table with the language ``code`` first."""
    return tuple(sorted(table, key=lambda one: one[0] != code))
