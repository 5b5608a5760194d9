"""The environment of the service's processes: every variable that Ray, Serve, HAProxy and ffmpeg start with, and why.

`stt-ai serve` sets them and runs Serve; `eval "$(stt-ai environment)"` sets them in a shell that starts Ray by itself,
on each node of a cluster. A variable that is set already keeps its value. `cluster/rayservice.yaml` repeats `NODE`,
since Kubernetes starts Ray without a shell of ours; a test compares the two.

Secrets, and where things are kept, come from the environment too. Who builds a deployment or runs a command reads them
here, once, and hands them on as values.
"""

import base64
import os
import re
import secrets
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PEER_HEADER = "STT_AI_PEER_HEADER"
HAPROXY_ENABLED = "RAY_SERVE_ENABLE_HA_PROXY"
HAPROXY_BINARY = "RAY_SERVE_HAPROXY_BINARY_PATH"
MIDDLEWARES = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
FORWARDED = "FORWARDED_ALLOW_IPS"
STORE_KEYS = "STT_AI_STORE_KEYS"

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: the value that it gets where it is not set, and what goes wrong without it."""

    name: str
    default: str | Callable[[], str]
    reason: str

    @property
    def value(self) -> str:
        """Return the default; a random one is drawn anew at each call."""
        return self.default if isinstance(self.default, str) else self.default()


def _haproxy_wrapper() -> str:
    beside = Path(sys.executable).with_name("stt-ai-haproxy")
    return str(beside) if beside.exists() else shutil.which("stt-ai-haproxy") or "stt-ai-haproxy"


NODE: tuple[Variable, ...] = (
    Variable(
        HAPROXY_ENABLED,
        "1",
        "HAProxy stands in front instead of Serve's Python proxy, which would hold uploads of gigabytes in memory.",
    ),
    Variable(
        HAPROXY_BINARY,
        _haproxy_wrapper,
        "Serve has no settings for the time limits, the JSON errors and the peer's address that HAProxy needs: this "
        "program (stt_ai/deployments/haproxy.py) completes the configuration and becomes HAProxy.",
    ),
    Variable(
        MIDDLEWARES,
        "stt_ai.api.http.proxy.middlewares",
        "Serve's HTTP servers need backpressure, and must remove headers that callers may not set.",
    ),
    Variable(
        PEER_HEADER,
        lambda: f"X-Peer-{secrets.token_hex(12)}",
        "HAProxy names its peer in this header, whose name callers cannot know. All nodes of a cluster need the same: "
        "set it to `X-Peer-` and something random on each.",
    ),
    Variable(FORWARDED, "", "uvicorn would believe the address that a caller claims for itself."),
    Variable("RAY_USAGE_STATS_ENABLED", "0", "Ray would report its use to its makers."),
    Variable(
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S",
        "630",
        "A redeploy leaves the old HAProxy to the requests that it serves: longer than the old ingress lives.",
    ),
    Variable(
        "RAY_SERVE_HAPROXY_CLOSE_SPREAD_TIME_S", "10", "The old HAProxy closes idle connections soon after a redeploy."
    ),
    Variable("RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S", "2", "An HAProxy that dies is replaced within seconds."),
    Variable(
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S",
        "60",
        "An HAProxy that starts slowly would be taken for dead, and started again.",
    ),
    Variable(
        "RAY_process_group_cleanup_enabled", "1", "HAProxy would outlive the process that runs it, and keep the port."
    ),
    Variable(
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S",
        "0.5",
        "Serve's controller would look after replicas ten times a second, and interrupt the models' threads each time.",
    ),
    Variable(
        "RAY_raylet_start_wait_time_s", "120", "A busy or slow machine takes longer than half a minute to start Ray."
    ),
    Variable(
        "RAY_worker_niceness",
        "0",
        "Ray starts replicas at niceness 15: whatever else runs on the machine would go before the models.",
    ),
)
"""For all processes of Ray, on every node."""

AUTHENTICATION: tuple[Variable, ...] = (
    Variable(
        "RAY_AUTH_MODE",
        "token",
        "Whoever reaches Ray's own ports may run code: Ray asks for a token, which it keeps in ~/.ray/auth_token.",
    ),
)

SINGLE_NODE: tuple[Variable, ...] = (
    Variable(
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
        "0",
        "Ray's processes listen on the loopback alone, since there will be no other node.",
    ),
)
"""Where Ray runs on this machine alone."""

_MAX_MESSAGE = Variable(
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH",
    str(256 << 20),
    "A response kept for an idempotency key goes to billing in one message, with 22 bytes a word when it is packed: "
    "gRPC's own limit of 4 MB would be the words of half a day.",
)

INGRESS: tuple[Variable, ...] = (
    *(variable for variable in NODE if variable.name in (MIDDLEWARES, FORWARDED)),
    _MAX_MESSAGE,
)
"""For the ingress replica, which has an HTTP server, also where Ray was started without `NODE`."""

BILLING: tuple[Variable, ...] = (
    Variable(
        "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD",
        "0",
        "Billing leaves its work to threads of its own; Serve's thread between would take 0.7 ms a call.",
    ),
    _MAX_MESSAGE,
)

FFMPEG_KEEPS = ("PATH", "LD_LIBRARY_PATH")
"""All that ffmpeg inherits: where programs and libraries are. It reads hostile files, and needs no secret."""

FFMPEG: tuple[Variable, ...] = (
    Variable("LC_ALL", "C", "Its messages are read by program."),
    Variable("MALLOC_ARENA_MAX", "1", "Each further malloc arena reserves address space, which is limited."),
)


def values(variables: Iterable[Variable]) -> dict[str, str]:
    """Return the variables' own values, by name."""
    return {variable.name: variable.value for variable in variables}


def completed(environ: Mapping[str, str], variables: Iterable[Variable]) -> dict[str, str]:
    """Return ``environ`` with those of ``variables`` that it lacks."""
    return {**environ, **values(variable for variable in variables if variable.name not in environ)}


def for_serve(environ: Mapping[str, str], address: str | None = None) -> dict[str, str]:
    """Return the environment of `serve run`. ``address`` names a Ray that runs already; with None, Serve starts one."""
    return completed(environ, (*NODE, *AUTHENTICATION, *(() if address else SINGLE_NODE)))


def for_ffmpeg(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the whole environment of ffmpeg."""
    return {name: environ[name] for name in FFMPEG_KEEPS if name in environ} | values(FFMPEG)


def shell_exports(environ: Mapping[str, str]) -> str:
    """Return lines for a shell that export what ``environ`` lacks of `NODE`, each below its reason."""
    missing = [variable for variable in NODE if variable.name not in environ]
    return "".join(f"# {one.reason}\nexport {one.name}={shlex.quote(one.value)}\n" for one in missing)


def complaint(environ: Mapping[str, str]) -> str | None:
    """Return what a service lacks that was not started with `stt-ai serve`, one line a variable; None: nothing."""
    missing = [variable for variable in (*NODE, *AUTHENTICATION) if variable.name not in environ]
    if not missing:
        return None
    lines = "".join(f"\n  {variable.name}: {variable.reason}" for variable in missing)
    return f"Ray was started without some of the variables that `stt-ai serve` sets, so the service lacks:{lines}"


def peer_header(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the header in which HAProxy names its peer; None where no HAProxy stands in front."""
    return (environ.get(PEER_HEADER) or None) if environ.get(HAPROXY_ENABLED) == "1" else None


@dataclass(frozen=True, slots=True)
class StoreKey:
    """A key that what is stored is encrypted with. ``id``: at most 16 letters, digits, `-` and `_`."""

    id: str
    secret: bytes = field(repr=False)
    """32 random bytes."""

    @classmethod
    def parse(cls, text: str) -> "StoreKey":
        """Return the key that is written as `id:` and its 32 bytes in base64. Raise `ValueError`."""
        name, _, encoded = text.strip().partition(":")
        if not _KEY_ID.fullmatch(name):
            raise ValueError(f"{STORE_KEYS} has a key without an id of 1 to 16 letters, digits, - and _ before a colon")
        try:
            secret = base64.b64decode(encoded, validate=True)
        except ValueError:
            secret = b""
        if len(secret) != 32:
            raise ValueError(f"{STORE_KEYS}: the key {name} must be 32 bytes in base64: openssl rand -base64 32")
        return cls(name, secret)

    @classmethod
    def parse_all(cls, text: str) -> "tuple[StoreKey, ...]":
        """Return the keys that stand in ``text``, separated by commas. Raise `ValueError`."""
        found = tuple(cls.parse(one) for one in text.split(",") if one.strip())
        if len({key.id for key in found}) < len(found):
            raise ValueError(f"{STORE_KEYS} has two keys of one id")
        return found


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets, which must not be in `serve_config.yaml`, since Serve logs it. Empty: not set."""

    database_url: str = field(default="", repr=False)
    """Of billing's database, with its password."""
    address_secret: str = field(default="", repr=False)
    """Callers' addresses are hashed with it. Not set: with one that the database keeps."""
    metrics_token: str = field(default="", repr=False)
    """What `/metrics` asks for. Not set: nothing."""

    store_keys: tuple[StoreKey, ...] = ()
    """Recordings, checkpoints, results and uploads are encrypted with the first, and read with all. None: they are not
    encrypted."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "Secrets":
        """Return those that are set in ``environ``. Raise `ValueError` for keys that are none."""
        return cls(
            database_url=environ.get("STT_AI_DATABASE_URL", ""),
            address_secret=environ.get("STT_AI_SECRET", ""),
            metrics_token=environ.get("STT_AI_METRICS_TOKEN", ""),
            store_keys=StoreKey.parse_all(environ.get(STORE_KEYS, "")),
        )


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return STT_AI_DATABASE_URL, or SQLite's file in the user's data folder, which survives restarts."""
    folder = Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "stt_ai"
    return Secrets.read(environ).database_url or f"sqlite:///{folder / 'billing.db'}"


def store_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the recordings and results of jobs are kept: in the user's data folder, which survives restarts."""
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "stt_ai" / "jobs"


def ffmpeg_choice(environ: Mapping[str, str] = os.environ) -> str:
    """Return which ffmpeg the operator wants, by its path or its name on PATH; nothing for the shipped one."""
    return environ.get("STT_AI_FFMPEG", "")
