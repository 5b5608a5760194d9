"""`stt-ai serve` and `stt-ai environment`: the service's processes, with the environment that they need."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from stt_ai import environment
from stt_ai.cli.exits import server_parts
from stt_ai.cli.models import pull
from stt_ai.cli.session import Session, settings_in

CONFIG = Path("serve_config.yaml")
TOKEN = Path("~/.ray/auth_token")


@click.command()
@click.argument("config", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--address", help="A running Ray cluster to use, such as `auto`, started with `stt-ai environment`.")
@click.option("--pull/--no-pull", "pulling", default=True, help="Fetch missing weights first.")
@click.pass_context
def serve(context: click.Context, config: Path | None, address: str | None, pulling: bool) -> None:
    """Run the service that CONFIG describes (./serve_config.yaml) until Ctrl-C.

    This sets the environment variables that Ray, Serve and HAProxy need, where they are not set, and runs `serve run`.
    """
    config = config or context.obj.config or CONFIG
    if not config.exists():
        raise click.UsageError(f"There is no {config} here: name the configuration to serve.")
    with server_parts():
        settings_in(config)  # what is wrong with it is said before anything is fetched or started
    if pulling:
        click.echo("==> looking for the models that this machine will serve with", err=True)
        context.obj = Session(None, config, json=False)
        # What cannot be had now is asked for again when it is loaded.
        context.invoke(pull, names=(), best_effort=True, as_json=False)
    click.echo(f"==> starting stt_ai on {_url(config)} (Ctrl-C stops it)", err=True)
    os.umask(0o077)  # Ray writes its token, and logs that hold the settings
    with suppress(FileNotFoundError):
        TOKEN.expanduser().chmod(0o600)
    program = str(Path(sys.executable).with_name("serve"))
    options = [f"--address={address}"] if address else []
    sys.stdout.flush()
    os.execve(program, [program, "run", *options, str(config)], environment.for_serve(os.environ, address))


def _url(config: Path) -> str:
    import yaml

    http = yaml.safe_load(config.read_text()).get("http_options") or {}
    return f"http://{http.get('host', '127.0.0.1')}:{http.get('port', 8000)}"


@click.command("environment")
def print_environment() -> None:
    r"""Print the variables that Ray's processes need, for a shell: eval "$(stt-ai environment)".

    Those that are set already are left out. Each node of a cluster needs this before `ray start`.
    """
    click.echo(environment.shell_exports(os.environ), nl=False)
