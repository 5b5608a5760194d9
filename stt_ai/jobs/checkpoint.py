"""What is done of a job's recording, in the store: the pipeline's `Checkpoint`."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from stt_ai.jobs import stored
from stt_ai.jobs.messages import Progress, Stage
from stt_ai.storage.store import Store
from stt_ai.types import DecodedAudio, LoadedModel, SpeakerTurn, Window, WindowTranscript


class StoredCheckpoint:
    """The checkpoint of one job. ``progress`` is how far the job is at the moment.

    ``advanced``: this attempt has saved a window, which nothing takes from the job any more.
    """

    def __init__(self, store: Store, job_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.progress = Progress(Stage.DECODING)
        self.advanced = asyncio.Event()
        self._done: set[int] = set()
        self._clock = clock
        self._resumed_at, self._resumed_s = 0.0, 0.0
        self._store = store
        self._job = job_id
        self._model = ""

    async def load(self, audio: DecodedAudio) -> DecodedAudio:
        """As `Checkpoint.load`; where the decoded length has changed, the new speech holds."""
        known = await self._get(stored.REGIONS)
        if known is None:
            found = stored.SPEECH.dump_json((audio.pcm.samples, audio.regions))
            await self._put(stored.REGIONS, found)
            return audio
        samples, regions = stored.SPEECH.validate_json(known)
        return replace(audio, regions=regions) if samples == audio.pcm.samples else audio

    async def windows(self, model: str, planned: Sequence[Window]) -> Mapping[int, WindowTranscript]:
        """As `Checkpoint.windows`; they are the first of the progress."""
        self._model = model
        kept = {stored_object.name for stored_object in await self._store.objects(self._job)}
        known = [window for window in planned if stored.window_name(model, window) in kept]
        bodies = await asyncio.gather(*(self._get(stored.window_name(model, window)) for window in known))
        done = {w.index: stored.WINDOW.validate_json(body) for w, body in zip(known, bodies, strict=True) if body}
        total = sum(window.duration for window in planned)
        self._done = set(done)
        self._resumed_at, self._resumed_s = self._clock(), sum(w.duration for w in planned if w.index in done)
        self.progress = Progress(Stage.TRANSCRIBING, self._resumed_s, total)
        return done

    async def save_window(self, window: Window, transcript: WindowTranscript) -> None:
        """As `Checkpoint.save_window`; the progress goes on by the window's seconds, once."""
        await self._put(stored.window_name(self._model, window), stored.WINDOW.dump_json(transcript))
        self.advanced.set()
        if window.index in self._done:  # it was transcribed in another language than the file's before
            return
        self._done.add(window.index)
        done = min(self.progress.total_s, self.progress.done_s + window.duration)
        self.progress = replace(self.progress, done_s=done, seconds_left=self._seconds_left(done))

    async def language(self) -> tuple[str, float] | None:
        """As `Checkpoint.language`."""
        known = await self._get(stored.LANGUAGE)
        return stored.SPOKEN.validate_json(known) if known else None

    async def save_language(self, language: tuple[str, float]) -> None:
        """As `Checkpoint.save_language`."""
        await self._put(stored.LANGUAGE, stored.SPOKEN.dump_json(language))

    async def turns(self) -> tuple[LoadedModel, tuple[SpeakerTurn, ...]] | None:
        """As `Checkpoint.turns`."""
        known = await self._get(stored.TURNS)
        return stored.VOICES.validate_json(known) if known else None

    async def save_turns(self, model: LoadedModel, turns: tuple[SpeakerTurn, ...]) -> None:
        """As `Checkpoint.save_turns`."""
        await self._put(stored.TURNS, stored.VOICES.dump_json((model, turns)))

    async def clear(self) -> None:
        """Remove all of it: the result stands."""
        for name in (stored.REGIONS, stored.LANGUAGE, stored.TURNS):
            await self._store.delete(stored.key(self._job, name))
        await self._store.delete_group(stored.key(self._job, stored.WINDOWS))

    def _seconds_left(self, done_s: float) -> float | None:
        """Estimate by the pace since this attempt's first window: what was done before took no time of it."""
        new = done_s - self._resumed_s
        elapsed = self._clock() - self._resumed_at
        return elapsed * (self.progress.total_s - done_s) / new if new > 0 else None

    async def _get(self, name: str) -> bytes | None:
        return await self._store.get(stored.key(self._job, name))

    async def _put(self, name: str, data: bytes) -> None:
        await self._store.put(stored.key(self._job, name), data)
