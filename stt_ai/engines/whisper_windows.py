"""Windows -> texts and words, each from the shortest encoding whose text can be believed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stt_ai.engines.whisper_decode import Encoded, Job, attempt_each, attempt_greedily, decode
from stt_ai.engines.whisper_lengths import ENGLISH
from stt_ai.engines.whisper_model import LoadedWhisper
from stt_ai.engines.whisper_writing import Writer
from stt_ai.speech.cleanup import Attempt, Guards, is_doubtful, likeliest, repeats_itself
from stt_ai.speech.language import Languages, candidates
from stt_ai.speech.quiet import longest_unspoken, trim_pauses
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Piece, Samples, Task, Word

MAX_DRAFT_COMPRESSION = 1.4
"""Of a draft that was stopped. So short a loop is not as clear as those that `Guards` are made for."""
MAX_UNSPOKEN_S = 2.0
"""Of sound without a word in a shortened window: after more of it the window is decoded again."""

Window = tuple[Samples, DecodingOptions]


@dataclass(frozen=True, slots=True)
class Trial:
    """Decoding windows at a length of ``frames``, when so many ``later`` lengths are left to try.

    ``draft``: the text will be decoded again when more has been said.
    """

    frames: int
    later: int
    draft: bool = False


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
        return self._until_believed(windows, self._draft, lambda *_: False)

    def words(self, windows: Sequence[Window]) -> list[Decoded]:
        """Return what was decoded of each window with its words, timed where the options ask for it.

        At first at the windows' shortest length, then, as long as a window's text is in doubt, at the next.
        """
        return self._until_believed(windows, self._decode_words, self._is_doubtful)

    def _until_believed(
        self,
        windows: Sequence[Window],
        decode_at: Callable[[Sequence[Window], Trial], Sequence[Decoded | None]],
        is_doubtful_at: Callable[[Decoded, Samples], bool],
    ) -> list[Decoded]:
        """Decode windows at ever greater lengths, until none is in doubt or too short for its language."""
        samples, options = windows[0]
        lengths = self._model.trials(samples, options.language)
        decoded: dict[int, Decoded] = {}
        rows = list(range(len(windows)))
        for later, frames in zip(reversed(range(len(lengths))), lengths, strict=True):
            again = []
            for row, one in zip(rows, decode_at([windows[row] for row in rows], Trial(frames, later)), strict=True):
                if one is not None:
                    decoded[row] = one
                if one is None or (later and is_doubtful_at(one, windows[row][0])):
                    again.append(row)
            rows = again
            if not rows:
                break
        return [decoded[row] for row in range(len(windows))]

    def pieces(self, decoded: Decoded) -> tuple[Piece, ...]:
        """Return what comes after the prefix in a window's draft; nothing where it repeats itself."""
        attempt = decoded.attempt
        loops = attempt.cut and attempt.compression_ratio > MAX_DRAFT_COMPRESSION
        if loops or repeats_itself(attempt, self._guards):
            return ()
        return self._writer.pieces(decoded.job, decoded.attempt)

    def _is_unbelievable(self, attempt: Attempt) -> bool:
        """Return whether the text does not end, loops, or was guessed."""
        return attempt.cut or is_doubtful(attempt, self._guards)

    def _is_doubtful(self, decoded: Decoded, samples: Samples) -> bool:
        """Whether the text is unbelievable, or leaves some of the speech out."""
        if self._is_unbelievable(decoded.attempt):
            return True
        checked = decoded.job.timed and not decoded.job.context  # whose words are not among these
        return checked and bool(decoded.words) and longest_unspoken(decoded.words, samples) > MAX_UNSPOKEN_S

    def _decode_words(self, windows: Sequence[Window], trial: Trial) -> list[Decoded | None]:
        """Words are only made of what will not be decoded again."""
        decoded = self._decode(windows, trial)
        kept = [one for one in decoded if one and not (trial.later and self._is_unbelievable(one.attempt))]
        for one in kept:
            one.job.timed |= one.attempt.cut  # to know where the rest begins
        if kept:
            words = self._writer.words(kept[0].encoded, [one.job for one in kept], [one.attempt for one in kept])
            for one in kept:
                found = words[one.job.row]
                one.words = trim_pauses(found, windows[one.job.row][0]) if one.job.timed else found
        return decoded

    def _draft(self, windows: Sequence[Window], trial: Trial) -> list[Decoded | None]:
        return self._decode(windows, replace(trial, draft=True))

    def _decode(self, windows: Sequence[Window], trial: Trial) -> list[Decoded | None]:
        """Return each window's text, and None for those that turn out to be in a language that needs more silence."""
        encoded = self._model.encode([samples for samples, _ in windows], trial.frames)
        tables = self._languages(encoded, [options for _, options in windows])
        rivals = [
            [self._job(row, window, code, trial) for code in candidates(table)]
            for row, (window, table) in enumerate(zip(windows, tables, strict=True))
            if self._is_long_enough(window, table[0][0], trial)
        ]
        jobs = [
            job
            for job in self._likeliest_of_each(encoded, rivals)
            if self._is_long_enough(windows[job.row], job.spoken, trial)
        ]
        decoded: list[Decoded | None] = [None] * len(windows)
        for job, attempt in zip(jobs, decode(self._model, encoded, jobs, self._guards), strict=True):
            decoded[job.row] = Decoded(encoded, job, attempt, _first(job.spoken, tables[job.row]))
        return decoded

    def _likeliest_of_each(self, encoded: Encoded, rivals: Sequence[Sequence[Job]]) -> list[Job]:
        """Return of each window's jobs, one a language, the one whose text is the likeliest."""
        compared = [job for jobs in rivals if len(jobs) > 1 for job in jobs]
        attempt_greedily(self._model, encoded, [job for job in compared if job.sure is not None])
        attempt_each(self._model, encoded, [job for job in compared if job.sure is None])
        return [
            jobs[likeliest([job.greedy or job.attempts[-1] for job in jobs], self._guards)] if jobs[1:] else jobs[0]
            for jobs in rivals
        ]

    def _is_long_enough(self, window: Window, code: str, trial: Trial) -> bool:
        """Return whether enough silence follows the window for its language to be decoded in ``code``."""
        return not trial.later or self._model.trials(window[0], code)[0] <= trial.frames

    def _languages(self, encoded: Encoded, options: Sequence[DecodingOptions]) -> list[Languages]:
        """Return for each window what its options name, else what the model hears: all that it knows."""
        tables: list[Languages] = [((option.language or ENGLISH, 1.0),) for option in options]
        unknown = [row for row, option in enumerate(options) if option.language is None]
        if unknown and self._model.multilingual:
            for row, table in zip(unknown, self._model.detect(encoded, unknown), strict=True):
                tables[row] = table
        return tables

    def _job(self, row: int, window: Window, code: str, trial: Trial) -> Job:
        """No second attempt is made at a length, however doubtful the first is, unless it is the last."""
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
            temperatures=temperatures[:1] if trial.later and not trial.draft else temperatures,
            before=self._model.before(options.prompt),
            prefix=(*context, *options.prefix),
            context=len(context),
            timed=options.word_timestamps,
            draft=trial.draft,
            sure=self._model.sure(code),
        )


def _first(code: str, table: Languages) -> Languages:
    """Return the table with the language ``code`` first."""
    return tuple(sorted(table, key=lambda one: one[0] != code))
