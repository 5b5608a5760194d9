"""Another Ray node for a running service, on the same machine."""

import subprocess

import psutil

from tests.support.service import PORTS, Service, free_port, kill, program


class SecondNode:
    """Another Ray node of a service's cluster, on the same machine, in processes of its own."""

    def __init__(self, service: Service) -> None:
        self._log = (service.folder / "node.log").open("wb")
        (first,) = [process for process in service.processes() if program(process) == "raylet"]
        said = dict(argument.split("=", 1) for argument in first.cmdline() if "=" in argument)
        own = {f"RAY_SERVE_{name}": str(free_port()) for name in (*PORTS, "WORKER_PROXY_HTTP_PORT")}
        self.url = f"http://127.0.0.1:{own['RAY_SERVE_WORKER_PROXY_HTTP_PORT']}"
        options = ["--num-cpus=2", f"--object-store-memory={300 << 20}", "--dashboard-agent-listen-port=0", "--block"]
        address = [f"--address={said['--gcs-address']}", f"--node-ip-address={said['--node_ip_address']}"]
        self._process = subprocess.Popen(
            ["ray", "start", *address, *options],
            env={**service.environment, **own},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def processes(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """As when its power fails: everything at once."""
        everything = [psutil.Process(self._process.pid), *self.processes()] if self._process.poll() is None else []
        kill(everything)
        self._process.wait()
        self._log.close()
