"""What all benchmarks share: the model, the running service, the peer, and runs by turns."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.both_doors import BOTH
from tests.benchmarks.peer import Peer
from tests.benchmarks.report import Result
from tests.support.observability import ENVIRONMENT
from tests.support.service import Service
from tests.support.word_errors import DATA, word_error_rate

SETTLE_S = 0.3
"""Between two runs: OpenMP's threads go on spinning for 0.2 s after their work, and would slow what comes next."""

Call = Callable[[], float]
Arguments = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Setting:
    """How a service is started.

    ``transcriber``: its settings beside the shipped configuration. ``padded``: the model is given 30 s whatever the
    window's length, as models that bear nothing shorter are. ``both_doors``: also without accounts, and with traces of
    the requests that ask for them.
    """

    transcriber: dict[str, Any] | None = None
    haproxy: bool = True
    padded: bool = False
    both_doors: bool = False


SHIPPED = Setting()


@dataclass
class Bench:
    """One run of the benchmarks. At most one service and one peer are alive at a time.

    ``window_s``: the longest window that the service gives to the model. ``threads`` are the peer's;
    ``service_threads`` 0: the service shares the cores out as it is shipped. ``minutes``: how long the soak takes.
    ``speech``: the folder with recordings of people, if there is one.
    """

    folder: Path
    model: Path
    demo: bool
    variable_length: bool
    window_s: float
    threads: int
    service_threads: int
    quick: bool
    minutes: float = 30.0
    compute_type: str = "int8"
    speech: Path | None = None
    _service: Service | None = None
    _setting: Setting | None = None
    _peer: Peer | None = None
    _started: int = field(default=0)

    def say(self, text: str) -> None:
        """Progress, for whoever waits."""
        print(f"   [{time.strftime('%H:%M:%S')}] {text}", flush=True)

    @cached_property
    def manifest(self) -> dict[str, dict[str, Any]]:
        """What is said in each file, by its name."""
        return {entry["file"]: entry for entry in json.loads((DATA / "manifest.json").read_text())["files"]}

    def word_error_rate(self, files: list[str], texts: list[str]) -> float:
        """In percent, of files by their names in the manifest."""
        return 100 * word_error_rate([self.manifest[file]["text"] for file in files], texts)

    def real_speech(self, result: Result) -> Path | None:
        """The recordings of people; where they or a model that knows real speech are missing, a note says so."""
        if self.speech is None:
            result.notes.append("SKIPPED: there are no recordings of people; --speech DIR names a folder of them.")
            return None
        if self.demo:
            result.notes.append(
                "SKIPPED: the demo model knows no real speech; --model-folder whisper-base fetches one that does."
            )
            return None
        return self.speech

    def peer(self) -> Peer:
        """The process that holds faster-whisper and our bare engine; started at the first call."""
        if self._peer is None:
            self.say("loading the model into the peer's process")
            log = self.folder / "peer.log"
            setting = (str(self.model), self.service_threads, self.compute_type, self.variable_length, self.window_s)
            self._peer = Peer(setting, log)
        return self._peer

    def stop_peer(self) -> None:
        if self._peer is not None:
            self._peer.stop()
            self._peer = None

    def service(self, setting: Setting = SHIPPED) -> Service:
        """The running service with this setting; one with another is stopped first."""
        if self._service is None or self._setting != setting:
            self.prepare(setting)
            assert self._service is not None
            self.say(f"starting the service {setting}")
            self._service.start(timeout=400)
        assert self._service is not None
        return self._service

    def prepare(self, setting: Setting = SHIPPED) -> Service:
        """A service that is not started yet, in place of the one that runs."""
        self.stop_service()
        self._setting = setting
        self._started += 1
        folder = self.folder / f"service_{self._started}"
        folder.mkdir()
        doors = (BOTH, ENVIRONMENT) if setting.both_doors else ()
        self._service = Service(folder, self.arguments(setting.transcriber, setting.padded), setting.haproxy, *doors)
        return self._service

    def stop_service(self) -> None:
        if self._service is not None:
            self._service.stop()
            self._service = None

    def arguments(self, transcriber: dict[str, Any] | None = None, padded: bool = False) -> Arguments:
        """The shipped configuration as it is, with the demo model; or with the model that was named."""
        threads = {"cpu_threads": self.service_threads} if self.service_threads else {}
        arguments: Arguments = {"transcriber": {**threads, **(transcriber or {})}}
        if not self.demo or padded:
            entry = {
                "id": "benchmark",
                "name": "Benchmark",
                "folder": str(self.model),
                "variable_length": self.variable_length and not padded,
                "translates": not self.demo,
            }
            catalogue = {"default": "benchmark", "offer": ["benchmark"], "extra": [entry]}
            arguments["models"] = {"source": "auto", "catalogue": catalogue}
        return arguments

    def warm_up(self, calls: Mapping[str, Call]) -> None:
        """Each call twice, unmeasured."""
        for call in (*calls.values(), *calls.values()):
            call()

    def alternate(
        self, calls: Mapping[str, Call], rounds: int, budget_s: float, minimum: int = 2
    ) -> dict[str, list[float]]:
        """``calls`` by turns, A B A B …: what each returned, in order.

        Ends after ``rounds``, or when ``budget_s`` seconds are spent and ``minimum`` rounds are done.
        """
        taken: dict[str, list[float]] = {name: [] for name in calls}
        begin = time.monotonic()
        for done in range(rounds):
            if done >= minimum and time.monotonic() - begin > budget_s:
                self.say(f"stopped after {done} of {rounds} rounds: the time for them is spent")
                break
            for name, call in calls.items():
                time.sleep(SETTLE_S)
                taken[name].append(call())
            if rounds <= 10 or (done + 1) % 10 == 0:
                last = ", ".join(f"{name} {values[-1]:.3f} s" for name, values in taken.items())
                self.say(f"round {done + 1} of {rounds}: {last}")
        return taken


class Caller:
    """Sends files to one service over connections that are kept open, as a client's session does."""

    def __init__(self, service: Service) -> None:
        self._client = httpx.Client(base_url=service.url, timeout=900)

    def transcribe(
        self, path: Path, language: str | None = None, diarize: bool = False, door: str = ""
    ) -> tuple[float, dict[str, Any]]:
        """(seconds until the whole answer was here, the answer). Raises unless it is a 200.

        ``door``: what stands before the API's paths.
        """
        fields = {"diarize": str(diarize).lower(), **({"language": language} if language else {})}
        data = path.read_bytes()
        begin = time.perf_counter()
        answer = self._client.post(f"{door}/v1/transcribe", files={"file": (path.name, data)}, data=fields)
        seconds = time.perf_counter() - begin
        if answer.status_code != 200:
            raise RuntimeError(f"the service answered {answer.status_code}: {answer.text}")
        return seconds, answer.json()

    def health(self) -> float:
        """Seconds of the shortest request there is: what proxy, framework and client cost by themselves."""
        begin = time.perf_counter()
        self._client.get("/health").raise_for_status()
        return time.perf_counter() - begin

    def close(self) -> None:
        self._client.close()
