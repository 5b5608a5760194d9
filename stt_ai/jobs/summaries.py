"""The summary of a job's transcript, beside it in the store. One that fails takes nothing from the transcript."""

import asyncio
import logging

from stt_ai.errors import SttError, Unavailable
from stt_ai.jobs import stored
from stt_ai.jobs.messages import NoSummary
from stt_ai.ports import Summarizer
from stt_ai.storage.store import Store
from stt_ai.types import SummaryStyle

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""While the model is loading or has too much to do."""
MAX_PAUSE_S = 30.0


NOTHING_SAID = NoSummary("nothing_to_summarize", "No speech detected in the recording.")
NO_SUMMARIZER = NoSummary("model_unavailable", "This service writes no summaries.")
UNEXPECTED = NoSummary("internal_error", "The service failed to summarize the transcript.")


class StoredSummaries:
    """Writes each job's summary once, and keeps it with the result. ``summarizer`` None: there are no summaries."""

    def __init__(self, store: Store, summarizer: Summarizer | None) -> None:
        self._store = store
        self._summarizer = summarizer

    async def summarize(self, job_id: str, text: str, style: SummaryStyle) -> NoSummary | None:
        """Keep a summary of ``text``, unless there is one, and return None; else return why there is none."""
        key = stored.key(job_id, stored.SUMMARY_NAME)
        if await self._store.get(key) is not None:
            return None
        if not text.strip():
            return NOTHING_SAID
        if self._summarizer is None:
            return NO_SUMMARIZER
        for left in reversed(range(ATTEMPTS)):
            try:
                summary = await self._summarizer.summarize(text, style)
            except Unavailable as error:
                if not left:
                    return NoSummary(error.code, error.message)
                await asyncio.sleep(min(error.retry_after, MAX_PAUSE_S))
            except SttError as error:
                return NoSummary(error.code, error.message)
            except Exception:
                logger.exception("the summary of the job %s failed unexpectedly", job_id)
                return UNEXPECTED
            else:
                await self._store.put(key, stored.SUMMARY.dump_json(summary))
                return None
        raise AssertionError("unreachable")
