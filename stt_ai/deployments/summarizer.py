"""The summarizer deployment: one chat model, loaded on first use, that all summaries share in batches."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ray import serve
from ray.serve import Application

from stt_ai.deployments.metrics import counted_batches, process_meters, watch_language_model, watch_queue
from stt_ai.deployments.model_loader import ModelLoader
from stt_ai.deployments.resources import DRAIN_S, actor_options, on_gpu
from stt_ai.deployments.summary_workload import SummaryWorkload
from stt_ai.deployments.tracing import export_spans, traced, traced_stream
from stt_ai.engines.chat_answer import Question
from stt_ai.engines.language_model import MAX_CACHED_TOKENS, LanguageModel
from stt_ai.engines.niceness import SUMMARIES, step_back
from stt_ai.engines.scheduler import BatchScheduler
from stt_ai.errors import Overloaded, SttError
from stt_ai.models.language_models import resolve
from stt_ai.models.wanted import SourceSettings
from stt_ai.pipeline.model_warnings import summarizer_warnings
from stt_ai.settings import SummarizerSettings
from stt_ai.summarization.chat_model import ChatModel
from stt_ai.summarization.prompts import usual_question
from stt_ai.summarization.summarize import summarize
from stt_ai.types import LoadedModel, Prompt, Summary, SummaryProgress, SummaryStyle

GATHER_S = 0.02
"""How long an idle model waits for company: questions of one transcript come at once, but not at the same instant."""

_PART_TOKENS = 1_000
"""Of a text, asked about at once on CPU: longer parts take more memory, and small models lose themselves in them."""
_UNAVAILABLE = "Summaries cannot be written at the moment. Please try again later."
_BUSY = "Too many summaries are being written at the moment. Please try again shortly."


@dataclass(frozen=True, slots=True)
class SummarizerConfig:
    """``folder`` holds the model; None: where `stt_ai.models.language_models` finds it. 0: as the engine thinks best.

    At most ``max_requests`` are in one replica, each for ``timeout_s`` at most.
    """

    repository: str
    source: SourceSettings
    folder: Path | None = None
    device: str = "cpu"
    dtype: str = "auto"
    cpu_threads: int = 0
    context: int = 0
    max_batch: int = 8
    max_requests: int = 32
    timeout_s: float = 600.0


class SummarizerDeployment:
    """Summarizes whole transcripts, the pieces of all of them together.

    A replica whose model cannot be had starts all the same, refuses its callers, and tries again at most every half
    minute.
    """

    def __init__(self, config: SummarizerConfig) -> None:
        export_spans()
        step_back(SUMMARIES)
        self._config = config
        self._loader = ModelLoader(self._load, _UNAVAILABLE)
        self._inside = 0
        self._workload = SummaryWorkload()
        self._scheduler: BatchScheduler[Question, str] = BatchScheduler(
            counted_batches(self._answer, process_meters()),
            max_batch=config.max_batch,
            max_wait=GATHER_S,
            max_queued=100_000,
        )
        watch_queue(process_meters(), self._scheduler.stats)
        watch_language_model(process_meters(), lambda: self._loader.engine.speed if self._loader.engine else None)
        self._loader.try_now()

    async def describe(self) -> LoadedModel:
        """Return what serves here, loaded if need be. Raise `ModelUnavailable` where nothing does."""
        return await self._loader.describe()

    @traced("summarizer summarize")
    async def summarize(self, text: str, style: SummaryStyle) -> Summary | SttError:
        """A refusal is a value: what is raised, Serve logs with its whole traceback."""
        try:
            return await self._summarize(text, style, None)
        except SttError as failure:
            return failure.with_traceback(None)

    @traced_stream("summarizer stream")
    async def stream(self, text: str, style: SummaryStyle) -> AsyncIterator[str | SummaryProgress | Summary | SttError]:
        """How far a long text's parts are, pieces of the summary, then the whole of it, or the failure.

        Left early, it ends.
        """
        pieces: asyncio.Queue[str | SummaryProgress | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        # From the thread that generates, and from this one: in order.
        def send(piece: str | SummaryProgress | None) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        work = asyncio.create_task(self._summarize(text, style, send))
        work.add_done_callback(lambda _: send(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            failure = work.exception()
            if failure is not None and not isinstance(failure, SttError):
                raise failure
            yield failure.with_traceback(None) if failure is not None else work.result()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _summarize(
        self, text: str, style: SummaryStyle, send: Callable[[str | SummaryProgress], None] | None
    ) -> Summary:
        async with self._place() as key:
            model = await self._loader.ready()
            chat = self._chat_model(model, key, time.monotonic() + self._config.timeout_s)

            def report(done: int, total: int) -> None:
                if send is not None:
                    send(SummaryProgress(done, total))

            written = await summarize(text, style, chat, send, report)
            loaded = self._loader.description
            return Summary(written, style, loaded.label, loaded.demo, summarizer_warnings(loaded))

    def _chat_model(self, model: LanguageModel, key: object, deadline: float) -> ChatModel:
        """Return the model as one caller's, whose questions end with the caller or at ``deadline``."""

        async def ask(prompt: Prompt, on_text: Callable[[str], None] | None) -> str:
            question = Question(prompt, deadline=deadline, on_text=on_text)
            try:
                return await self._scheduler.submit(question, deadline=deadline)
            finally:
                question.cancelled.set()

        def admit(read: int, written: int) -> None:
            self._workload.admit(key, model.speed.seconds(read, written), self._config.timeout_s)

        return ChatModel(
            model.count,
            ask,
            model.context,
            model.size,
            max_part_tokens=_PART_TOKENS if self._config.device == "cpu" else 0,
            max_cached_tokens=MAX_CACHED_TOKENS,
            with_examples=not self._loader.description.demo,
            admit=admit,
        )

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[object]:
        """Yield the key of a place in this replica."""
        if self._inside >= self._config.max_requests:
            raise Overloaded(_BUSY, 10)
        self._inside += 1
        key = object()
        try:
            yield key
        finally:
            self._inside -= 1
            self._workload.done(key)

    def _load(self) -> tuple[LanguageModel, LoadedModel]:
        config = self._config
        found = resolve(config.repository, config.source, config.folder)
        model = LanguageModel(
            found.path,
            device=config.device,
            dtype=config.dtype,
            threads=config.cpu_threads or int(found.demo),  # so small a model is slower on more than one
            context=config.context,
        )
        model.measure_speed(usual_question())
        return model, found.loaded()

    def _answer(self, questions: Sequence[Question]) -> list[str | SttError]:
        """One batch, in the scheduler's thread."""
        assert self._loader.engine is not None
        return self._loader.engine.answer(questions)


def build(settings: SummarizerSettings, source: SourceSettings) -> Application:
    """Return the deployment that ``settings`` describe, with its weights from ``source``.

    There is no replica before somebody wants a summary: most services start without, and it holds much memory.
    """
    gpu = on_gpu(settings.device)
    config = SummarizerConfig(
        repository=settings.model,
        source=source,
        folder=settings.folder,
        device="cuda" if gpu else "cpu",
        dtype=settings.dtype,
        cpu_threads=settings.cpu_threads,
        context=settings.context,
        max_batch=settings.max_batch or (16 if gpu else 8),
        max_requests=settings.max_requests,
        timeout_s=settings.timeout_s,
    )
    return (
        serve.deployment(SummarizerDeployment)
        .options(
            name="summarizer",
            max_ongoing_requests=1000,  # it bounds what it takes by itself, and says so
            autoscaling_config={
                "min_replicas": 0,
                "initial_replicas": 0,
                "max_replicas": settings.max_replicas or (2 if gpu else 1),
                "target_ongoing_requests": 8,
                "downscale_delay_s": settings.idle_unload_s,
            },
            ray_actor_options=actor_options(settings.gpu_fraction if gpu else 0),
            graceful_shutdown_timeout_s=DRAIN_S,
            health_check_timeout_s=30,
            max_constructor_retry_count=3,
        )
        .bind(config=config)
    )
