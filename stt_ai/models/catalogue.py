"""The models on offer: the documented four, less or more as the operator's settings say."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stt_ai.errors import BadParameter
from stt_ai.models.languages import CANTONESE, LANGUAGES
from stt_ai.types import ModelInfo

DEFAULT_MODEL = "large-v3-turbo"

_BYTES_PER_PARAMETER = {"int8": 1, "int16": 2, "float16": 2, "bfloat16": 2, "float32": 4}
_WORKING_MB = 1_300
"""What a process takes beside the weights while it decodes one window with a beam of five."""


class ModelEntry(BaseModel):
    """One speech model: what callers see of it and where its CTranslate2 files come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    name: str = Field(min_length=1)
    speed: str = "standard"
    languages: int = Field(default=99, ge=1)
    language_codes: tuple[str, ...] = ()
    """The languages it knows; empty: all that a Whisper of its kind does. When given, their number is shown."""
    repo: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$")
    """`owner/name` on the model hub."""
    revision: str = "main"
    folder: Path | None = None
    """A folder with the model's files: takes precedence over cache, hub and the folder of local models."""
    mel_bins: Literal[80, 128] | None = None
    """What the weights must have; None: whatever they have."""
    variable_length: bool = False
    """The encoder was trained on windows shorter than 30 s too, so short ones need not be padded."""
    silence_s: float | None = Field(default=None, gt=0, le=30)
    """Seconds of silence that must follow a window's speech where it is not filled up to 30 s; None: what was measured
    for a model of its size, else 30 s."""
    parameters_millions: float | None = Field(default=None, gt=0)
    translates: bool = False
    """It was trained to write English of what is said in its other languages."""
    packaged: str | None = "whisper-base"
    """What packages of the package index have, as `stt_ai.models.packaged` calls it: serves when nothing else does."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        unknown = [code for code in self.language_codes if code not in LANGUAGES]
        if unknown:
            raise ValueError(f"unknown language codes for {self.id}: {', '.join(unknown)}")
        return self

    @property
    def language_count(self) -> int:
        """Return the number that callers are shown."""
        return len(set(self.language_codes)) or self.languages

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of its languages, in the order of `LANGUAGES`. Only 128-bin kinds know Cantonese."""
        if self.language_codes:
            return tuple(code for code in LANGUAGES if code in self.language_codes)
        return tuple(code for code in LANGUAGES if code != CANTONESE or self.mel_bins == 128)

    def memory_mb(self, compute_type: str) -> int | None:
        """Return about how much memory decoding takes, for one window at a time; None when not known.

        Mixed types such as `int8_float16` are counted by what the weights are stored as.
        """
        size = _BYTES_PER_PARAMETER.get(compute_type.split("_")[0])
        if size is None or self.parameters_millions is None:
            return None
        return round(self.parameters_millions * size) + _WORKING_MB


DOCUMENTED: tuple[ModelEntry, ...] = (
    ModelEntry(
        id="large-v3-turbo",
        name="Whisper Large V3 Turbo",
        speed="fast",
        repo="mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        mel_bins=128,
        parameters_millions=809,
    ),
    ModelEntry(
        id="large-v3",
        name="Whisper Large V3",
        speed="standard",
        repo="Systran/faster-whisper-large-v3",
        mel_bins=128,
        parameters_millions=1_543,
        translates=True,
    ),
    ModelEntry(
        id="medium",
        name="Whisper Medium",
        speed="fast",
        repo="Systran/faster-whisper-medium",
        mel_bins=80,
        parameters_millions=764,
        translates=True,
    ),
    ModelEntry(
        id="small",
        name="Whisper Small",
        speed="very_fast",
        repo="Systran/faster-whisper-small",
        mel_bins=80,
        parameters_millions=242,
        translates=True,
    ),
)

SMALL: tuple[ModelEntry, ...] = (
    ModelEntry(
        id="base",
        name="Whisper Base",
        speed="very_fast",
        repo="Systran/faster-whisper-base",
        mel_bins=80,
        parameters_millions=74,
        translates=True,
    ),
    ModelEntry(
        id="tiny.en",
        name="Whisper Tiny, English",
        speed="very_fast",
        language_codes=("en",),
        repo="Systran/faster-whisper-tiny.en",
        mel_bins=80,
        parameters_millions=39,
        packaged="whisper-tiny.en",
    ),
)
"""Known, but on offer only where the settings say so."""


class ModelCatalogue(BaseModel):
    """The catalogue of one service, and the operator's setting for it. Fits `stt_ai.ports.Catalogue`.

    ``extra`` adds models, or replaces the known one of the same id. ``offer`` says what is offered, and in which order;
    None: the documented four, then the extra ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: str = DEFAULT_MODEL
    offer: tuple[str, ...] | None = None
    extra: tuple[ModelEntry, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        ids = [entry.id for entry in self.extra]
        if len(set(ids)) < len(ids):
            raise ValueError("extra models must have different ids")
        known = self._known()
        missing = [model_id for model_id in self.offer or () if model_id not in known]
        if missing:
            raise ValueError(f"offer names unknown models: {', '.join(missing)}; known are {', '.join(known)}")
        offered = [entry.id for entry in self.entries]
        if self.default not in offered:
            raise ValueError(f"the default model {self.default!r} is not on offer; on offer are {', '.join(offered)}")
        return self

    def _known(self) -> dict[str, ModelEntry]:
        return {entry.id: entry for entry in (*DOCUMENTED, *SMALL, *self.extra)}

    @property
    def entries(self) -> tuple[ModelEntry, ...]:
        """Return all models on offer."""
        known = self._known()
        usual = [entry.id for entry in (*DOCUMENTED, *self.extra)]
        return tuple(known[model_id] for model_id in dict.fromkeys(usual if self.offer is None else self.offer))

    def known(self, model_id: str) -> ModelEntry:
        """Raise `BadParameter`. It need not be on offer."""
        try:
            return self._known()[model_id]
        except KeyError:
            raise BadParameter(
                f"model: unknown model {model_id[:64]!r}; known are {', '.join(self._known())}."
            ) from None

    def entry(self, model_id: str) -> ModelEntry:
        """Raise `BadParameter`, naming what is on offer."""
        for entry in self.entries:
            if entry.id == model_id:
                return entry
        offered = ", ".join(entry.id for entry in self.entries)
        raise BadParameter(f"model: unknown model {model_id[:64]!r}; accepted are {offered}.", "model")

    def models(self) -> tuple[ModelInfo, ...]:
        """Return all models on offer, as the API shows them."""
        return tuple(ModelInfo(e.id, e.name, e.language_count, e.speed, e.translates) for e in self.entries)

    def languages(self, model: str | None = None) -> tuple[tuple[str, str], ...]:
        """Return the languages of a model, or of all on offer: (code, English name in lower case), `en` first."""
        entries = self.entries if model is None else (self.entry(model),)
        known = {code for entry in entries for code in entry.codes}
        return tuple((code, name) for code, name in LANGUAGES.items() if code in known)
