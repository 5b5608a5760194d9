"""The service that a command asks, and how its failures are shown."""

import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from stt_ai.cli.exits import exit_code
from stt_ai.cli.session import Session
from stt_ai.errors import SttError
from stt_ai.sdk import Client, SttAiError

Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Service:
    """``json``: whether results are printed as JSON."""

    session: Session
    url: str | None
    key: str | None
    json: bool

    def client(self) -> Client:
        """Raises `click.UsageError` for an address that is none."""
        try:
            return Client(api_key=self.key, base_url=self.url)
        except ValueError as error:
            raise click.UsageError(f"{error}.") from None


def asks_service(command: Command) -> Command:
    """Gives a command the options of a service, as its parameter ``service``, and shows the service's failures."""

    @click.option("--server", metavar="URL", help="Default: STT_AI_BASE_URL, else http://127.0.0.1:8000.")
    @click.option("--key", metavar="KEY", help="Default: STT_AI_API_KEY, else none.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_obj
    def asking(session: Session, /, server: str | None, key: str | None, as_json: bool, **arguments: Any) -> None:
        service = Service(session, server, key, as_json or session.json)
        try:
            command(service=service, **arguments)
        except (SttAiError, SttError) as error:
            tell_failure(error, service.json)
            sys.exit(exit_code(error))

    return functools.update_wrapper(asking, command, ("__doc__", "__name__"), ())


def failure_row(error: Exception) -> dict[str, Any]:
    """A failure as JSON."""
    row = {"error": reason(error), "code": getattr(error, "code", "") or type(error).__name__}
    request_id = getattr(error, "request_id", "")
    return row | ({"request_id": request_id} if request_id else {})


def tell_failure(error: Exception, as_json: bool) -> None:
    """One line: for people on standard error, for programs on standard output."""
    if as_json:
        click.echo(json.dumps(failure_row(error), ensure_ascii=False))
    else:
        click.echo(f"stt-ai: {reason(error)}", err=True)


def reason(error: Exception) -> str:
    """What is wrong, without numbers of the system's."""
    if isinstance(error, SttError):
        return error.message
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
