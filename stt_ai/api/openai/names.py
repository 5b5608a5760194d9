"""The models of OpenAI's API by name: here they stand for models of the catalogue."""

from stt_ai.api.transcription.values import quoted
from stt_ai.errors import BadParameter
from stt_ai.ports import Catalogue
from stt_ai.types import Task

DIARIZING = "gpt-4o-transcribe-diarize"
NAMES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    DIARIZING,
)


def chosen_model(name: str, catalogue: Catalogue, default: str, task: Task) -> str:
    """Return the id of the model that is to do the task: one of the catalogue's own, or what OpenAI's name stands for.

    These stand for the default model, or to translate for the first one that can, if the default cannot. Raise
    `BadParameter`, which names what is accepted.
    """
    able = able_models(catalogue, task)
    if not able:
        raise BadParameter("`model`: none of the models on offer here was trained to translate.", "model")
    if name in able:
        return name
    if name in (model.id for model in catalogue.models()):
        raise BadParameter(
            f"`model` is {quoted(name)}, which was not trained to translate; those that were are {', '.join(able)}.",
            "model",
        )
    if name in NAMES:
        return stands_for(catalogue, default, task)
    accepted = f"{', '.join(able)}, or a name of OpenAI's: {', '.join(NAMES)}"
    raise BadParameter(f"`model` is {quoted(name)}; it must be one of {accepted}.", "model")


def able_models(catalogue: Catalogue, task: Task) -> list[str]:
    """Return the ids of the models that can do ``task``: not every model translates."""
    return [model.id for model in catalogue.models() if model.translates or task is Task.TRANSCRIBE]


def stands_for(catalogue: Catalogue, default: str, task: Task) -> str:
    """Return what OpenAI's names mean here; the default model, where none can do the task."""
    able = able_models(catalogue, task)
    return default if default in able or not able else able[0]
