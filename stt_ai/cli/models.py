"""`stt-ai models`."""

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from stt_ai.cli.exits import server_parts
from stt_ai.cli.printing import table
from stt_ai.cli.service import Service, asks_service
from stt_ai.cli.session import Session

if TYPE_CHECKING:
    from stt_ai.settings import Settings

SPEAKERS, SUMMARIES = "speakers", "summaries"

EXAMPLES = """\
\b
Examples:
  stt-ai models list
  stt-ai models pull large-v3-turbo speakers summaries
  stt-ai models check --device cuda
"""


@click.group(epilog=EXAMPLES)
def models() -> None:
    """Show the models on offer, fetch their weights, and see whether the GPU can be used."""


@models.command("list")
@click.option("--local", is_flag=True, help="Those that this installation knows, without a service.")
@asks_service
def list_models(service: Service, local: bool) -> None:
    """The models that a service offers, and what serves when they are asked for, as far as it is known."""
    if local:
        found = [dataclasses.asdict(model) for model in service.session.settings.models.catalogue.models()]
    else:
        with service.client() as client:
            found = [dataclasses.asdict(model) for model in client.models()]
    if service.json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = [(m["id"], m["languages"], m["speed"], m.get("served_by") or "-", m["name"]) for m in found]
    click.echo(table("id languages speed served_by name", rows))


@models.command("check")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Instead of the settings' own.")
@click.pass_obj
def check(session: Session, device: str | None) -> None:
    """Whether the models can use this machine's GPU, and what is missing for that.

    The exit code is 1 where they are to use one and cannot.
    """
    with server_parts():
        from stt_ai.engines import gpu

        wanted = device or session.settings.transcriber.device
        found = gpu.find_gpu()
        click.echo(f"GPU: {found.name}, {found.memory_mb} MB" if found.available else "GPU: none that can be used")
        if wanted == "cpu" or (wanted == "auto" and not found.available):
            click.echo("The models run on CPU.")
            return
        problems = [problem for problem in (*gpu.load_cuda_libraries(), gpu.torch_problem()) if problem]
    if problems:
        raise click.ClickException("\n".join(problems))
    click.echo("Nothing is missing.")


@models.command("pull")
@click.argument("names", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def pull(session: Session, names: tuple[str, ...], as_json: bool) -> None:
    """Fetch weights from the model hub into its cache, unless they are here.

    NAMES are those of `stt-ai models list`, and `speakers` and `summaries` for the models that name speakers and write
    summaries. HF_ENDPOINT, HF_TOKEN, HF_HOME and HF_HUB_OFFLINE are heeded, and so is --config.
    """
    with server_parts():
        fetched = {name: _fetched(session.settings, name) for name in names}
    if as_json or session.json:
        click.echo(json.dumps(fetched, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(f"{name}  {folder}" for name, folder in fetched.items()))


def _fetched(settings: "Settings", name: str) -> str:
    """The folder. Raises `BadParameter` or `ModelUnavailable`."""
    from stt_ai.models import diarization, language_models, speech_models

    sources = settings.models.sources.model_copy(update={"source": "hub"})
    if name == SPEAKERS:
        chosen = settings.diarizer
        return str(diarization.resolve(chosen.pipeline, sources, chosen.folder).path)
    if name == SUMMARIES:
        return str(language_models.resolve(settings.summarizer.model, sources, settings.summarizer.folder).path)
    return str(speech_models.resolve(settings.models.catalogue.entry(name), sources).path)
