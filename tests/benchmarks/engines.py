"""The models in one process, without the service: faster-whisper as it comes, and our engine bare."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel, decode_audio

from stt_ai.api.transcription.rendering import transcript_body
from stt_ai.engines.cores import share
from stt_ai.engines.decoding import FileDecoder
from stt_ai.engines.malloc import keep_freed_memory
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.speech import segments, windows
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Samples, Transcript, Upload, WindowTranscript

BEAM = 5

Answer = dict[str, Any]
Languages = list[str | None]
"""Of each file; None: to be detected."""


class Engines:
    """One model loaded by faster-whisper and by our engine, on the same cores and with the same compute type.

    faster-whisper gets the allocator as our engine sets it: what that brings is no merit of the service. ``threads`` 0:
    our engine takes those that the service gives to a batch, and faster-whisper all cores, unless a call says less.
    """

    def __init__(self, folder: str, threads: int, compute_type: str, variable_length: bool, window_s: float) -> None:
        keep_freed_memory()
        self._folder = Path(folder)
        self._window_samples = round(window_s * SAMPLE_RATE)
        self._cores = threads or os.cpu_count() or 1
        self._compute_type = compute_type
        self._variable_length = variable_length
        self._loaded: dict[int, WhisperModel] = {}
        self._whisper(self._cores)
        self._engine = self._load(share(threads, self._folder).threads, 1, variable_length)
        self._decoder = FileDecoder()
        self._windows_of: dict[str, list[Samples]] = {}
        self._floats_of: dict[str, Any] = {}

    def batched(
        self, files: list[str], languages: Languages, batch: int, chunk_s: int = 30, threads: int = 0
    ) -> Answer:
        """faster-whisper's batched pipeline on files, one after another: decoding and VAD are its own.

        ``chunk_s``: the longest chunk that it gives to the model, which it fills up to 30 s.
        """
        asked = list(zip(files, languages, strict=True))
        pipeline = BatchedInferencePipeline(self._whisper(threads or self._cores))
        return _timed(lambda: [_run_batched(pipeline, file, language, batch, chunk_s) for file, language in asked])

    def plain(self, files: list[str], languages: Languages) -> Answer:
        """`WhisperModel.transcribe` on files, one after another, with its VAD."""
        asked = list(zip(files, languages, strict=True))
        return _timed(lambda: [self._run_plain(file, language, vad_filter=True) for file, language in asked])

    def plain_samples(self, file: str, language: str | None) -> Answer:
        """`WhisperModel.transcribe` on samples that were decoded before, without VAD."""
        if file not in self._floats_of:
            self._floats_of[file] = decode_audio(file)
        samples = self._floats_of[file]
        return _timed(lambda: [self._run_plain(samples, language, vad_filter=False)])

    def engine(self, file: str, language: str | None) -> Answer:
        """Our engine on the windows of a file that was decoded before."""
        recognized = self._windows(file)
        return _timed(lambda: [_text(self._recognized(self._engine, recognized, language))])

    def own(self, files: list[str], languages: Languages) -> Answer:
        """Our decoder and engine, file after file, each with all its windows in one batch."""

        def one(file: str, language: str | None) -> str:
            return _text(self._recognized(self._engine, self._decode(file)[1], language))

        return _timed(lambda: [one(*asked) for asked in zip(files, languages, strict=True)])

    def pieces(self, file: str, language: str | None) -> Answer:
        """Seconds that each part of a request takes by itself."""
        clock = [time.perf_counter()]
        audio, samples = self._decode(file)
        clock.append(time.perf_counter())
        recognized = self._recognized(self._engine, samples, language)
        clock.append(time.perf_counter())
        packed = windows.pack(audio.regions, max_samples=self._window_samples)
        words = [
            word for window, part in zip(packed, recognized, strict=True) for word in windows.place(part.words, window)
        ]
        spoken = segments.split(words, audio.duration)
        transcript_body(Transcript(spoken, "en", 1.0, audio.duration, "bench"), "bench")
        clock.append(time.perf_counter())
        return dict(zip(("decode", "model", "render"), np.diff(clock).tolist(), strict=True))

    def batch_of(self, files: list[str], language: str | None, batch: int) -> Answer:
        """Our engine on the windows of many files in batches of ``batch``."""
        parts = self._in_batches(files, batch)
        return _timed(lambda: [_text(self._recognized(self._engine, part, language)) for part in parts])

    def two_workers(self, files: list[str], language: str | None, batch: int) -> Answer:
        """The same by two batches at once, each on half of the threads."""
        engine = self._load(max(1, self._cores // 2), 2, self._variable_length)
        parts = self._in_batches(files, batch)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda part: self._recognized(engine, part, language), parts[:2]))
            answer = _timed(
                lambda: [
                    _text(recognized) for recognized in pool.map(lambda p: self._recognized(engine, p, language), parts)
                ]
            )
        engine.close()
        return answer

    def _load(self, threads: int, workers: int, variable_length: bool) -> WhisperEngine:
        return WhisperEngine(
            self._folder,
            device="cpu",
            compute_type=self._compute_type,
            cpu_threads=threads,
            workers=workers,
            variable_length=variable_length,
        )

    def _whisper(self, threads: int) -> WhisperModel:
        """faster-whisper's model, loaded when it is first wanted on so many threads."""
        if threads not in self._loaded:
            setting = {"device": "cpu", "compute_type": self._compute_type, "cpu_threads": threads}
            self._loaded[threads] = WhisperModel(str(self._folder), **setting)
        return self._loaded[threads]

    def _run_plain(self, audio: Any, language: str | None, vad_filter: bool) -> str:
        found, _ = self._whisper(self._cores).transcribe(
            audio, language=language, beam_size=BEAM, word_timestamps=True, vad_filter=vad_filter
        )
        return "".join(segment.text for segment in found)

    def _decode(self, file: str) -> tuple[Any, list[Samples]]:
        path = Path(file)
        audio = self._decoder.decode(Upload(path, path.stat().st_size, path.name))
        chunks = dict(enumerate(audio.pcm.chunks))
        packed = windows.pack(audio.regions, max_samples=self._window_samples)
        return audio, [windows.gather(window, audio.pcm.chunk_samples, chunks) for window in packed]

    def _windows(self, file: str) -> list[Samples]:
        if file not in self._windows_of:
            self._windows_of[file] = self._decode(file)[1]
        return self._windows_of[file]

    def _in_batches(self, files: list[str], batch: int) -> list[list[Samples]]:
        samples = [window for file in files for window in self._windows(file)]
        return [samples[at : at + batch] for at in range(0, len(samples), batch)]

    def _recognized(
        self, engine: WhisperEngine, samples: list[Samples], language: str | None
    ) -> list[WindowTranscript]:
        options = DecodingOptions(language=language, beam_size=BEAM)
        results = engine.transcribe_batch([(window, options) for window in samples])
        recognized = [result for result in results if isinstance(result, WindowTranscript)]
        if len(recognized) < len(results):
            raise RuntimeError(f"the engine failed: {results}")
        return recognized


def _run_batched(pipeline: BatchedInferencePipeline, file: str, language: str | None, batch: int, chunk_s: int) -> str:
    found, _ = pipeline.transcribe(
        file, language=language, beam_size=BEAM, word_timestamps=True, batch_size=batch, chunk_length=chunk_s
    )
    return "".join(segment.text for segment in found)


def _text(recognized: list[WindowTranscript]) -> str:
    return "".join(word.text for part in recognized for word in part.words)


def _timed(work: Any) -> Answer:
    begin = time.perf_counter()
    texts = work()
    return {"seconds": time.perf_counter() - begin, "texts": texts}
