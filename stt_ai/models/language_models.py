"""The chat models that write summaries: from a repository to a folder in Hugging Face's form."""

from pathlib import Path
from typing import TYPE_CHECKING

from stt_ai.models import fetch
from stt_ai.models.fetch import demo_path
from stt_ai.models.package_store import PackageStore
from stt_ai.models.packaged import PACKAGED
from stt_ai.models.wanted import Origin, ResolvedModel, SourceSettings, WantedModel
from stt_ai.models.weights import BadModelFiles, read_json

if TYPE_CHECKING:
    from stt_ai.models.hub import HubRepo

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
DEMO_LABEL = "demo-qwen2"
PACKAGED_LABEL = "qwen2.5-coder-0.5b-instruct"
DEFAULT_REPOSITORY = "Qwen/Qwen2.5-1.5B-Instruct"

# In the order of download: first the weights, last the files that show that a model is there.
_PATTERNS = ("tokenizer*.json", "*.jinja", "generation_config.json", "model*.safetensors", INDEX, CONFIG)


def resolve(
    repository: str, source: SourceSettings, folder: Path | None = None, store: PackageStore | None = None
) -> ResolvedModel:
    """``repository`` is the hub's name of a causal chat model; ``folder`` has its files, before cache and hub.

    Block for as long as downloads take. Raise `ModelUnavailable` with a sentence that says what to do.
    """
    return fetch.resolve(WantedLanguageModel(repository, folder), source, store)


class WantedLanguageModel(WantedModel):
    """A chat model of the hub."""

    def __init__(self, repository: str, folder: Path | None = None) -> None:
        self.local_name = repository.rsplit("/", 1)[-1]
        self.label = (folder.expanduser().name if folder is not None else self.local_name).lower()
        self.title = f"The summaries' model {repository}"
        self.repository: str = repository
        self.folder = folder
        self.packaged = PACKAGED.get(PACKAGED_LABEL)
        self.remedies = (
            "let this machine reach the hub (HF_ENDPOINT, HF_TOKEN), or put the model's files in a folder named "
            f"{self.local_name} in models.local_dir"
        )

    def check(self, folder: Path) -> None:
        """Raise `BadModelFiles` where ``folder`` lacks a file of the model."""
        inspect(folder)

    def own(self, folder: Path, origin: Origin) -> ResolvedModel:
        """Return the model in ``folder``."""
        return ResolvedModel(folder, self.label, origin)

    def hub_repo(self, source: SourceSettings) -> "HubRepo":
        """Return the model's repository on the hub."""
        from stt_ai.models.hub import HubRepo

        kind = "a chat model of transformers"
        return HubRepo(self.repository, "main", source.endpoint, source.cache_dir, _PATTERNS, CONFIG, kind)

    def demo(self) -> ResolvedModel:
        """Return the synthetic model."""
        folder = demo_path("summaries", CONFIG)
        inspect(folder)
        return ResolvedModel(folder, DEMO_LABEL, "demo", True)


def inspect(folder: Path) -> None:
    """Raise `BadModelFiles` unless ``folder`` holds a whole chat model, its weights as safetensors."""
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
