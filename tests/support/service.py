"""The whole service as a process of its own, as an operator starts it: `stt-ai serve` on a configuration file."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from stt_ai.billing.database import Database
from stt_ai.billing.operators import Operators
from stt_ai.billing.plans import BillingConfig
from stt_ai.billing.service import BillingService
from stt_ai.environment import NODE, completed

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "serve_config.yaml"
OWN_ADDRESS = "127.0.0.2"
"""To which callers may have the service connect."""


# Between those that Ray gives its workers and those that it and Linux give to whoever asks for any: what is bound only
# later is taken by nobody meanwhile.
_PORTS = random.sample(range(20_000, 30_000), 10_000)


def free_port() -> int:
    """Another one with each call."""
    while True:
        port = _PORTS.pop()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


# For tests of other things than plans.
GENEROUS = {
    "max_file_bytes": 2_000_000_000,
    "max_concurrency": 1000,
    "transcriptions_per_day": 1_000_000,
    "summaries_per_day": 1_000_000,
}


class Service:
    """One running service. ``args`` are merged over the ``args`` of the shipped configuration, one level deep.

    ``haproxy`` False: Serve's own proxy in Python stands in front. ``import_path``: of another builder.
    ``environment``: more of it.
    """

    def __init__(
        self,
        folder: Path,
        args: dict[str, dict[str, Any]] | None = None,
        haproxy: bool = True,
        import_path: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.haproxy = haproxy
        self._more = environment or {}
        self.uploads = folder / "uploads"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "serve.log"
        config = yaml.safe_load(CONFIG.read_text())
        config["http_options"]["port"] = self.port
        config["applications"][0]["import_path"] = import_path or config["applications"][0]["import_path"]
        settings = config["applications"][0]["args"]
        settings["ingress"] = {
            **settings.get("ingress", {}),
            "uploads_dir": str(self.uploads),
            "max_wait_s": 600,  # tests share a machine with others
        }
        settings["ingress"]["trusted_proxies"] = ["127.0.0.1"]  # tests speak for many callers
        settings["stream"] = {"max_lag_s": 60}
        settings["models"] = {**settings["models"], "source": "demo", "load_wait_s": 300}
        self.database_url = f"sqlite:///{folder / 'billing.db'}"
        settings["billing"] = {"database_url": self.database_url, "anonymous": GENEROUS, "sign_ups_per_day": 1000}
        settings["jobs"] = {"store": str(folder / "jobs")}
        # Of the loopback, this one address is a network of the operator's own.
        settings["urls"] = {"allow_http": True, "allowed_networks": [f"{OWN_ADDRESS}/32"]}
        for section, values in (args or {}).items():
            settings[section] = {**settings.get(section, {}), **values}
        self.description = config
        self.config = folder / "serve_config.yaml"
        self.config.write_text(yaml.safe_dump(config))
        self._process: subprocess.Popen[bytes] | None = None

    def new_key(self, credits: int = 1_000_000) -> str:
        """The key of a new account, made beside the running service as operators do; with credits it is a paid one."""
        database = Database(self.database_url)
        try:
            made = Operators(BillingService(database, BillingConfig())).create_account("Tester", credits=credits)
        finally:
            database.close()
        return made.key.secret

    def start(self, timeout: float = 600.0) -> float:
        """Seconds from the start of the process until the service says that every part can serve."""
        # A Ray session of its own in a short path: its sockets' names may not be longer than 107 characters.
        self._ray = tempfile.mkdtemp(prefix="stt-")
        self.environment = {
            **completed(os.environ, NODE),
            **{f"RAY_SERVE_{name}": str(free_port()) for name in PORTS},
            "RAY_SERVE_ENABLE_HA_PROXY": "1" if self.haproxy else "0",
            "RAY_AUTH_MODE": "disabled",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",  # tests add nodes
            "RAY_DEDUP_LOGS": "0",  # or lines that are much alike come late, as one
            "RAY_TMPDIR": self._ray,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **self._more,
        }
        self.environment.pop("RAY_ADDRESS", None)
        begin = time.monotonic()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["stt-ai", "serve", "--no-pull", str(self.config)],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while time.monotonic() - begin < timeout:
            if self._process.poll() is not None:
                raise RuntimeError(f"the service ended by itself:\n{self.log.read_text()[-3000:]}")
            if self.is_well():
                return time.monotonic() - begin
            time.sleep(0.2)
        raise TimeoutError(f"the service was not ready in {timeout} s:\n{self.log.read_text()[-3000:]}")

    def is_well(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/health", timeout=5)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["status"] == "ok"

    def stop(self) -> None:
        if self._process is None:
            return
        everything = {*self.processes(), *self._strays()}
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        everything |= {*self._strays()}
        kill(everything)
        subprocess.run(["rm", "-rf", self._ray], check=False)

    def kill_all(self, known: Iterable[psutil.Process] = ()) -> None:
        """As when the machine loses its power: every process is killed, those that are ``known`` before one looks for
        others. `start` begins anew on the same folder.
        """
        assert self._process is not None
        for process in known:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        while living := {*self.processes(), *self._strays()} | self._main():
            kill(living)
        self._process.wait()
        subprocess.run(["rm", "-rf", self._ray], check=False)
        self.__dict__.pop("dashboard", None)  # the next one has another address

    def load_summarizer(self) -> None:
        """Returns when it is in memory: that begins with the first request."""
        url, body = f"{self.url}/v1/summarize", {"text": "Emma will send it."}
        wait_until(lambda: httpx.post(url, json=body, timeout=600).status_code == 200, 300)

    def processes(self) -> list[psutil.Process]:
        """Every process of the service: Ray's, the proxies and the replicas."""
        assert self._process is not None
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def replicas(self, deployment: str) -> list[psutil.Process]:
        return [p for p in self.processes() if _title(p).startswith(f"ray::ServeReplica:stt_ai:{deployment}")]

    def proxies(self) -> list[psutil.Process]:
        return [p for p in self.processes() if "haproxy" in _title(p).lower() or "ProxyActor" in _title(p)]

    def titled(self, beginning: str) -> list[psutil.Process]:
        """The processes whose command line begins so; Ray's actors write their class there."""
        return [p for p in self.processes() if _title(p).startswith(beginning)]

    def upload_files(self) -> list[Path]:
        return [path for path in self.uploads.rglob("*") if path.is_file()]

    @cached_property
    def dashboard(self) -> str:
        """Where Ray's dashboard, which is Serve's API too, says that it is."""
        found = re.search(r"View the dashboard at.*?(http://[\d.]+:\d+)", self.log.read_text())
        assert found, "the log names no dashboard"
        return found[1]

    def deploy(self, args: dict[str, dict[str, Any]] | None = None, deployments: Sequence[dict[str, Any]] = ()) -> None:
        """Puts another configuration in the place of the running one, as `serve deploy` does; does not wait for it.

        ``args`` stay until others are deployed.
        """
        (application,) = self.description["applications"]
        for name, values in (args or {}).items():
            application["args"][name] = {**application["args"].get(name, {}), **values}
        body = {**self.description, "applications": [{**application, "deployments": list(deployments)}]}
        httpx.put(f"{self.dashboard}/api/serve/applications/", json=body, timeout=60).raise_for_status()

    def deployed(self) -> dict[str, dict[str, Any]]:
        """What Serve's API says of each deployment; empty while the application is not as it is wanted."""
        (answer,) = httpx.get(f"{self.dashboard}/api/serve/applications/", timeout=60).json()["applications"].values()
        return dict(answer["deployments"]) if answer["status"] == "RUNNING" else {}

    def running(self, deployment: str) -> dict[int, str]:
        """The node of each running replica, by its process."""
        found = self.deployed().get(deployment, {"replicas": []})
        return {one["pid"]: one["node_id"] for one in found["replicas"] if one["state"] == "RUNNING"}

    def _main(self) -> set[psutil.Process]:
        assert self._process is not None
        return set() if self._process.poll() is not None else {psutil.Process(self._process.pid)}

    def _strays(self) -> list[psutil.Process]:
        """Those that lost their parents."""
        return [process for process in psutil.process_iter() if self._ray in _variable(process, "RAY_TMPDIR")]


PORTS = ("HAPROXY_METRICS_PORT", "HAPROXY_STATS_PORT", "FALLBACK_PROXY_HTTP_PORT", "FALLBACK_PROXY_GRPC_PORT")


def kill(processes: Iterable[psutil.Process]) -> None:
    """With SIGKILL; returns when they are gone."""
    processes = list(processes)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, 10)


def program(process: psutil.Process) -> str:
    """The name of what it runs; empty when it is gone."""
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def resident(process: psutil.Process) -> int:
    """Bytes of memory; 0 when it is gone."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _variable(process: psutil.Process, name: str) -> str:
    try:
        return process.environ().get(name, "")
    except (psutil.Error, OSError):
        return ""


def wait_until(condition: Any, timeout: float = 60.0, every: float = 0.2) -> None:
    """Returns when ``condition()`` holds; fails the test when it does not within ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "the awaited condition did not come about"
        time.sleep(every)


def watched(processes: list[psutil.Process], call: Any) -> dict[int, int]:
    """Peak growth in bytes of each process's resident memory while ``call()`` runs in this thread."""
    import threading

    base = {p.pid: resident(p) for p in processes}
    peak = dict(base)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for process in processes:
                peak[process.pid] = max(peak[process.pid], resident(process))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return {pid: peak[pid] - base[pid] for pid in base}


def running(folder: Path, **how: Any) -> Iterator[Service]:
    """``how``: as `Service` takes it."""
    service = Service(folder, **how)
    try:
        service.start()
        yield service
    finally:
        service.stop()
