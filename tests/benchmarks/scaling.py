"""One hour of audio on one, two and four replicas, each with a model of a fixed cost; and many clips on one.

Everything but the model is the service: proxy, ingress, decoder, pipeline, routing, batch queues.
"""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg

from tests.benchmarks.bench import Bench
from tests.benchmarks.fixed_cost import COST_S, entry
from tests.benchmarks.report import Result
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

TEN_MINUTES = DATA / "ten_minutes.opus"
HOUR, QUICK = 6, 1
"""Times ten minutes."""
REPLICAS = (1, 2, 4)
MIN = {2: 1.8, 4: 3.4}
MIN_EVEN = 0.85
MIN_SHARED = 0.5
CLIPS = sorted(DATA.glob("ten_seconds_*.flac"))


@dataclass(frozen=True)
class Batch:
    """``of``: the files that its windows are of. Seconds since the epoch."""

    replica: str
    begun: float
    ended: float
    of: tuple[str, ...]


class Sleeping:
    """A service with so many replicas, whose batches can be read."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._folder = folder
        self._client = httpx.Client(base_url=service.url, timeout=1800)

    def recognize(self, path: Path, name: str) -> float:
        """Seconds until the answer was there; ``name`` marks the file's windows."""
        fields = {"model": "whisper-1", "language": "en", "prompt": name, "response_format": "json"}
        begin = time.perf_counter()
        with path.open("rb") as file:
            answer = self._client.post("/v1/audio/transcriptions", files={"file": file}, data=fields)
        answer.raise_for_status()
        return time.perf_counter() - begin

    def batches(self) -> list[Batch]:
        return [
            Batch(path.stem, line["begun"], line["ended"], tuple(line["of"]))
            for path in self._folder.glob("*.jsonl")
            for line in map(json.loads, path.read_text().splitlines())
        ]

    def forget(self) -> None:
        for path in self._folder.glob("*.jsonl"):
            path.unlink()

    def close(self) -> None:
        self._client.close()


def run(bench: Bench, result: Result) -> None:
    bench.stop_service()
    talk = _talk(bench.folder, QUICK if bench.quick else HOUR)
    seconds: dict[int, float] = {}
    for count in REPLICAS:
        with _sleeping(bench, count) as service:
            seconds[count] = _one_file(bench, result, service, talk, count)
            if count == 1:
                _many_files(result, service)
    for count, minimum in MIN.items():
        result.find(f"{count} replicas", seconds[1] / seconds[count], "x", at_least=minimum)
    result.notes += [
        f"The model sleeps {COST_S} s a window, one window after another, so a batch saves nothing.",
        "A time is of the whole request: upload, decoding and voice detection, which no replica shortens, are in it.",
    ]


def _one_file(bench: Bench, result: Result, service: Sleeping, talk: Path, count: int) -> float:
    seconds = service.recognize(talk, "one")
    batches = service.batches()
    service.forget()
    windows = Counter(batch.replica for batch in batches for _ in batch.of)
    total, limit = sum(windows.values()), max(windows.values())
    begun, ended = min(batch.begun for batch in batches), max(batch.ended for batch in batches)
    work = sum(batch.ended - batch.begun for batch in batches)
    name = f"{count} replica{'s' if count > 1 else ''}"
    result.find(f"{name}: the whole request", seconds, "s")
    result.find(f"{name}: of it, before the first window's text and after the last", seconds - (ended - begun), "s")
    result.find(f"{name}: of the replicas' time in between, at work", work / (ended - begun) / count)
    result.find(f"{name}: the mean share of windows beside the largest", total / count / limit, at_least=MIN_EVEN)
    result.notes.append(f"{name}: {total} windows, by replica {_listed(windows)}, in batches of {_sizes(batches)}")
    bench.say(f"{name}: {seconds:.1f} s, {total / count / limit:.2f} even")
    return seconds


def _many_files(result: Result, service: Sleeping) -> None:
    with ThreadPoolExecutor(len(CLIPS)) as pool:
        taken = list(pool.map(lambda clip: service.recognize(clip, clip.stem), CLIPS))
    batches = service.batches()
    service.forget()
    shared = sum(len(batch.of) for batch in batches if len(set(batch.of)) > 1)
    total = sum(len(batch.of) for batch in batches)
    result.add(f"{len(CLIPS)} clips at once on 1 replica", taken)
    result.find("clips at once: the share that was in a batch with others", shared / total, at_least=MIN_SHARED)
    result.notes.append(f"{len(CLIPS)} clips at once: {total} windows in batches of {_sizes(batches)}")


def _sizes(batches: list[Batch]) -> str:
    return ", ".join(f"{size} ({times} times)" for size, times in sorted(Counter(len(b.of) for b in batches).items()))


def _listed(windows: Counter[str]) -> str:
    return ", ".join(str(count) for count in sorted(windows.values()))


@contextmanager
def _sleeping(bench: Bench, replicas: int) -> Iterator[Sleeping]:
    folder = bench.folder / f"scaling_{replicas}"
    model = entry("fixed-cost", folder)
    arguments: dict[str, dict[str, Any]] = {
        "transcriber": {"max_replicas": replicas},
        "models": {"catalogue": {"default": model["id"], "offer": [model["id"]], "extra": [model]}},
    }
    service = Service(folder, arguments, import_path="tests.benchmarks.fixed_cost:build_fixed")
    bench.say(f"starting the service with {replicas} replicas")
    service.start()
    try:
        wait_until(lambda: len(service.replicas("transcriber")) == replicas)
        sleeping = Sleeping(service, Path(model["folder"]))
        sleeping.recognize(DATA / "hello_3s.flac", "warm-up")
        sleeping.forget()
        yield sleeping
        sleeping.close()
    finally:
        service.stop()


def _talk(folder: Path, times: int) -> Path:
    """So many times ten minutes of committed speech, as WAV: nearly nothing is left to decode."""
    path = folder / f"talk_{times}.wav"
    if not path.exists():
        program = imageio_ffmpeg.get_ffmpeg_exe()
        source = ["-stream_loop", str(times - 1), "-i", str(TEN_MINUTES)]
        form = ["-ar", "16000", "-ac", "1", "-c:a", "pcm_s16le", str(path)]
        subprocess.run([program, "-loglevel", "error", *source, *form], check=True, timeout=300)
    return path
