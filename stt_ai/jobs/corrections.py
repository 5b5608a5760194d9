"""What people corrected in the transcript of a job: an object beside it in the store, which the job's row names.

The transcript stays as the model wrote it, and each form of the result is made of both. Whoever corrects writes a new
object and has the row name it in place of the one that was read: of two at the same time one begins again.
"""

import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import TypeAdapter

from stt_ai.errors import JobChanged, NotFound, SttError
from stt_ai.jobs import stored
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.messages import JobView
from stt_ai.speech.corrections import with_text
from stt_ai.storage.store import Store
from stt_ai.types import Segment, Transcript

PREFIX = "corrections-"
ATTEMPTS = 10
"""At something during which others change the job."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Correction:
    """What became of a segment. ``text`` None: it is as it was; empty: the segment is removed. ``speaker`` alike."""

    text: str | None = None
    speaker: str | None = None


Corrections = Mapping[int, Correction]
"""By the number of the segment, from 0, in the transcript as the model wrote it."""
CORRECTIONS: TypeAdapter[dict[int, Correction]] = TypeAdapter(dict[int, Correction])


@dataclass(frozen=True, slots=True)
class CorrectedTranscript:
    """``ids``: of each segment, its number in the transcript as the model wrote it."""

    transcript: Transcript
    ids: tuple[int, ...]


def apply(transcript: Transcript, corrections: Corrections) -> CorrectedTranscript:
    """Return the transcript as it was corrected, without the segments that were removed."""
    found = [(number, _applied(one, corrections.get(number))) for number, one in enumerate(transcript.segments)]
    left = [(number, segment) for number, segment in found if segment.words]
    segments = tuple(segment for _, segment in left)
    return CorrectedTranscript(replace(transcript, segments=segments), tuple(number for number, _ in left))


async def while_unchanged(look: Callable[[], Awaitable[JobView]], act: Callable[[JobView], Awaitable[T]]) -> T:
    """Return what ``act`` makes of the job, again from the beginning where it was changed. Raise `JobChanged`."""
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(JobChanged):
            return await act(await look())
    return await act(await look())


async def load(store: Store, job: JobView) -> Corrections:
    """Return a job's corrections. Raise `JobChanged` where they were replaced since the job was looked at."""
    if not job.corrections:
        return {}
    kept = await store.get(stored.key(job.id, job.corrections))
    if kept is None:
        raise JobChanged
    return CORRECTIONS.validate_json(kept)


async def change(
    jobs: JobsClient, store: Store, credential: str | None, job: JobView, changed: Callable[[Corrections], Corrections]
) -> JobView:
    """Replace a job's corrections by what ``changed`` makes of them. Raise `NotFound` or `JobChanged`."""
    before = await load(store, job)
    after = {number: one for number, one in changed(before).items() if one != Correction()}
    if after == before:
        return job
    name = f"{PREFIX}{secrets.token_hex(12)}.json" if after else ""
    if name:
        await store.put(stored.key(job.id, name), CORRECTIONS.dump_json(after))
    try:
        found = await jobs.correct(credential, job.id, job.corrections, name)
    except (JobChanged, NotFound):
        await _forget(store, job.id, name)
        raise
    await _forget(store, job.id, job.corrections)
    return found


async def _forget(store: Store, job_id: str, name: str) -> None:
    """Delete an object that nothing names any more; where that fails, it goes with the job."""
    if name:
        with contextlib.suppress(SttError):
            await store.delete(stored.key(job_id, name))


def _applied(segment: Segment, correction: Correction | None) -> Segment:
    if correction is None:
        return segment
    if correction.text is not None:
        segment = with_text(segment, correction.text)
    if correction.speaker is None:
        return segment
    words = tuple(replace(word, speaker=correction.speaker) for word in segment.words)
    return Segment(words, correction.speaker)
