"""Whisper models: from an entry of the catalogue to a folder in CTranslate2's form."""

from pathlib import Path
from typing import TYPE_CHECKING

from stt_ai.models import fetch
from stt_ai.models.catalogue import ModelEntry
from stt_ai.models.fetch import demo_path
from stt_ai.models.package_store import PackageStore
from stt_ai.models.packaged import PACKAGED, PackagedModel
from stt_ai.models.wanted import Origin, ResolvedModel, SourceSettings, WantedModel
from stt_ai.models.weights import inspect

if TYPE_CHECKING:
    from stt_ai.models.hub import HubRepo

DEMO_LABEL = "demo-whisper"
DEMO_WINDOW_S = 9.0
"""It was trained on windows of up to this length, and loses its place in longer ones."""


def resolve(entry: ModelEntry, source: SourceSettings, store: PackageStore | None = None) -> ResolvedModel:
    """Block for as long as downloads take. Raise `ModelUnavailable` with a sentence that says what to do."""
    return fetch.resolve(WantedWhisper(entry), source, store)


class WantedWhisper(WantedModel):
    """A speech model of the catalogue."""

    def __init__(self, entry: ModelEntry) -> None:
        self._entry = entry
        self.label = self.local_name = entry.id
        self.title = f"Model {entry.id}"
        self.repository = entry.repo
        self.folder = entry.folder
        self.packaged = PACKAGED.get(entry.packaged or "")
        self.remedies = (
            "let this machine reach the hub (HF_ENDPOINT, HF_TOKEN), or put the model's files in a folder named "
            f"{entry.id} in models.local_dir"
        )

    def check(self, folder: Path) -> None:
        """Raise `BadModelFiles` where ``folder`` lacks a file of the model."""
        inspect(folder, self._entry.mel_bins)

    def hub_repo(self, source: SourceSettings) -> "HubRepo":
        """Return the model's repository on the hub."""
        from stt_ai.models.hub import HubRepo

        assert self.repository is not None
        return HubRepo(self.repository, self._entry.revision, source.endpoint, source.cache_dir)

    def own(self, folder: Path, origin: Origin) -> ResolvedModel:
        """Return the model in ``folder``."""
        entry = self._entry
        return ResolvedModel(
            folder,
            entry.id,
            origin,
            variable_length=entry.variable_length,
            silence_s=entry.silence_s,
            translates=entry.translates,
        )

    def from_packages(self, model: PackagedModel, folder: Path) -> ResolvedModel:
        """Return the packaged model in ``folder``."""
        return ResolvedModel(folder, model.label, "packages", translates=model.translates)

    def demo(self) -> ResolvedModel:
        """Return the synthetic model."""
        folder = demo_path()
        inspect(folder)
        return ResolvedModel(folder, DEMO_LABEL, "demo", True, window_s=DEMO_WINDOW_S, variable_length=True)
