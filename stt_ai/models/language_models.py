"""The chat models that write summaries: from a repository to a folder in Hugging Face's form."""

import logging
from dataclasses import dataclass
from pathlib import Path

from stt_ai.errors import ModelUnavailable
from stt_ai.models.fetch import Origin, SourceSettings, demo_path
from stt_ai.models.weights import BadModelFiles, read_json

logger = logging.getLogger(__name__)

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
DEMO_LABEL = "demo-qwen2"
DEFAULT_REPOSITORY = "Qwen/Qwen2.5-1.5B-Instruct"

# Weights come before what says that they are there.
_PATTERNS = ("tokenizer*.json", "*.jinja", "generation_config.json", "model*.safetensors", INDEX, CONFIG)
_RETRY_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class ResolvedLanguageModel:
    """``label`` is what answers report as their model."""

    folder: Path
    label: str
    demo: bool
    origin: Origin


def resolve(repository: str, source: SourceSettings, folder: Path | None = None) -> ResolvedLanguageModel:
    """``repository`` is the hub's name of a causal chat model; ``folder`` has its files, before cache and hub.

    Blocks for as long as downloads take. Raises `ModelUnavailable` with a sentence that says what to do.
    """
    if source.source == "demo":
        return _demo(repository, "models.source is demo")
    name = repository.rsplit("/", 1)[-1]
    local = source.local_dir.expanduser() / name if source.local_dir else None
    found = folder.expanduser() if folder else local if local and local.is_dir() else None
    if found is None:
        return _from_hub(repository, source)
    try:
        inspect(found)
    except BadModelFiles as error:
        raise ModelUnavailable(
            f"The summaries' model cannot be used: {error}; mend or remove that folder.", _RETRY_AFTER
        ) from error
    return ResolvedLanguageModel(found, name.lower() if folder is None else found.name.lower(), False, "folder")


def inspect(folder: Path) -> None:
    """Raises `BadModelFiles` unless ``folder`` holds a whole chat model, its weights as safetensors."""
    for name in (CONFIG, TOKENIZER):
        if not (folder / name).is_file():
            raise BadModelFiles(f"{folder} has no {name}")
    if "model_type" not in read_json(folder / CONFIG):
        raise BadModelFiles(f"{folder / CONFIG} does not say what kind of model it is")
    if (folder / INDEX).is_file():
        shards = read_json(folder / INDEX).get("weight_map")
        if not isinstance(shards, dict) or not shards:
            raise BadModelFiles(f"{folder / INDEX} names no weights")
        missing = sorted({str(name) for name in shards.values() if not (folder / str(name)).is_file()})
        if missing:
            raise BadModelFiles(f"{folder} has no {' and no '.join(missing)}")
    elif not (folder / WEIGHTS).is_file():
        raise BadModelFiles(f"{folder} has no {WEIGHTS}")
    settings = folder / "tokenizer_config.json"
    own_file = (folder / "chat_template.jinja").is_file()
    if not own_file and not (settings.is_file() and read_json(settings).get("chat_template")):
        raise BadModelFiles(f"the model in {folder} has no chat template: it is no chat model")


def _from_hub(repository: str, source: SourceSettings) -> ResolvedLanguageModel:
    from stt_ai.models import snapshot

    kind = "a chat model of transformers"
    repo = snapshot.HubRepo(repository, "main", source.endpoint, source.cache_dir, _PATTERNS, CONFIG, kind)
    try:
        folder, origin = snapshot.obtain(repo, inspect, source.hub_timeout)
    except snapshot.HubUnreachable as error:
        if source.source == "auto":
            return _demo(repository, str(error))
        raise ModelUnavailable(_advice(repository, str(error)), _RETRY_AFTER) from error
    except (snapshot.HubRefused, snapshot.DownloadBroke, BadModelFiles) as error:
        raise ModelUnavailable(_advice(repository, str(error)), _RETRY_AFTER) from error
    return ResolvedLanguageModel(folder, repository.rsplit("/", 1)[-1].lower(), False, origin)


def _demo(repository: str, reason: str) -> ResolvedLanguageModel:
    folder = demo_path("summaries", CONFIG)
    try:
        inspect(folder)
    except BadModelFiles as error:
        raise ModelUnavailable(f"The demo model of this installation is damaged: {error}.", _RETRY_AFTER) from error
    logger.warning(
        "DEMO MODEL IN USE instead of %s, because %s. It was trained on synthetic meetings: its summaries of real "
        "transcripts are useless. For the real model: %s",
        repository,
        reason,
        _remedies(repository),
    )
    return ResolvedLanguageModel(folder, DEMO_LABEL, True, "demo")


def _remedies(repository: str) -> str:
    return (
        "let this machine reach the hub (HF_ENDPOINT, HF_TOKEN), or put the model's files in a folder named "
        f"{repository.rsplit('/', 1)[-1]} in models.local_dir"
    )


def _advice(repository: str, reason: str) -> str:
    return (
        f"The summaries' model {repository} cannot be had: {reason}. To mend it, {_remedies(repository)}, or set "
        "models.source to demo."
    )
