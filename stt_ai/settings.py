"""Everything an operator can set, as the typed arguments of the application builder.

They stand under ``args`` in `serve_config.yaml`. An unknown key is an error that names it. How many
replicas run, and on how much of a machine, is Ray Serve's own: ``deployments`` in the same file.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from stt_ai.billing.plans import BillingConfig
from stt_ai.jobs.config import JobsConfig
from stt_ai.models.catalogue import ModelCatalogue
from stt_ai.models.diarization import PipelineName
from stt_ai.models.language_models import DEFAULT_REPOSITORY
from stt_ai.models.wanted import SourceSettings
from stt_ai.streaming.config import MAX_MESSAGE_BYTES

BUCKETS = ("s3", "gs", "az")
"""What URLs of a store begin with: S3 and what speaks as it does, Google Cloud Storage, Azure Blob Storage."""
Base = TypeVar("Base", bound=BaseModel)


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))


def _inherited(settings: BaseModel, base: type[Base]) -> Base:
    """Return the fields that ``settings`` has from ``base``, as one of those."""
    return base(**{name: getattr(settings, name) for name in base.model_fields})


def _without_password(url: str | None) -> str | None:
    parts = urlsplit(url or "")
    if parts.password is not None or "password" in parse_qs(parts.query):
        raise ValueError(
            "a database_url with a password belongs in the environment, as STT_AI_DATABASE_URL: "
            "Ray Serve writes these arguments to its log"
        )
    return url


def _location(text: str | None) -> str | None:
    scheme, found, _ = (text or "").partition("://")
    if found and scheme not in BUCKETS:
        raise ValueError(f"it must be a folder, or a URL that begins with {', '.join(f'{one}://' for one in BUCKETS)}")
    return text


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ModelSettings(SourceSettings):
    """Which models are offered and where their weights come from."""

    catalogue: ModelCatalogue = Field(ModelCatalogue(), description="Which models are offered, and the default one.")
    preload: tuple[str, ...] = Field(
        (), description="Models that are loaded at the start and stay, beside the default one."
    )
    load_wait_s: float = Field(60, gt=0, description="How long a request waits for a model that is being loaded.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        offered = [entry.id for entry in self.catalogue.entries]
        if unknown := [name for name in self.preload if name not in offered]:
            raise ValueError(f"preload names models not on offer: {', '.join(unknown)}; there are {', '.join(offered)}")
        return self

    @property
    def kept(self) -> tuple[str, ...]:
        """Return the models that are always in memory, the default one first."""
        return tuple(dict.fromkeys((self.catalogue.default, *self.preload)))

    @property
    def sources(self) -> SourceSettings:
        """Return where the weights of these models come from."""
        return _inherited(self, SourceSettings)


class DecoderSettings(_Settings):
    """How uploads are decoded."""

    max_duration_s: float = Field(43_200, gt=0, description="The longest audio that is accepted.")


class TranscriberSettings(_Settings):
    """How speech models are served."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    gpu_fraction: float = Field(0.5, gt=0, le=1, description="Of a GPU, for each replica, where there is one.")
    compute_type: str = Field(
        "default",
        description="CTranslate2's: int8, float16, int8_float16, … default: int8 on CPU and float16 on a GPU, whatever "
        "the weights are kept in.",
    )
    cpu_threads: int = Field(
        0, ge=0, description="Threads of one batch on CPU. 0: all cores, or one where the model is small."
    )
    beam_size: int = Field(5, ge=1, le=10)
    max_batch: int = Field(0, ge=0, description="Windows decoded together. 0: 16 on a GPU, 8 on CPU.")
    max_queued_s: float = Field(
        10_800,
        gt=0,
        description="Seconds of audio that may wait at one replica: more than the windows that it is sent at once.",
    )
    target_audio_s: float = Field(
        0, ge=0, description="Seconds of audio that wait and run at a full replica. 0: two full batches."
    )
    target_live: float = Field(
        0.6, gt=0, le=1, description="A replica is full, too, that gives this share of its time to live speech."
    )
    downscale_delay_s: float = Field(300, gt=0, description="A replica beyond the first goes when idle for this long.")
    idle_unload_s: float = Field(
        900, gt=0, description="The last replica, of a model that is not kept, leaves memory after this."
    )
    max_replicas: int = Field(0, ge=0, description="Of each model. 0: 4 on GPUs, 1 on CPU, where one takes all cores.")


class DiarizerSettings(_Settings):
    """Speaker diarization. The hub has pyannote's pipelines; accept their conditions and set HF_TOKEN.

    Until then, and where no hub is reached, one out of packages serves.
    """

    pipeline: PipelineName = Field("community-1", description="community-1, or the older 3.1.")
    folder: Path | None = Field(None, description="Holds a pipeline in pyannote's layout, instead of the hub's.")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    gpu_fraction: float = Field(0.25, gt=0, le=1, description="Of a GPU, for each replica, where there is one.")
    cpu_threads: int = Field(0, ge=0, description="Threads of one replica on CPU. 0: all cores.")
    batch_size: int = Field(0, ge=0, description="Chunks of 5 or 10 s in one batch. 0: 64 on a GPU, 8 on CPU.")
    max_waiting: int = Field(100, ge=0, description="Files that may wait at one replica.")
    target_audio_s: float = Field(3600, gt=0, description="Seconds of audio that wait and run at a full replica.")
    downscale_delay_s: float = Field(300, gt=0, description="A replica beyond the first goes when idle for this long.")
    max_replicas: int = Field(0, ge=0, description="0: 4 on GPUs, 1 on CPU, where one takes all cores.")


class SummarizerSettings(_Settings):
    """Summaries: by any causal chat model of transformers, loaded on first use.

    Where no hub is reached, a small one out of packages serves.
    """

    model: str = Field(DEFAULT_REPOSITORY, pattern=r"^[\w.-]+/[\w.-]+$", description="The hub's name of it.")
    folder: Path | None = Field(None, description="Holds a model in Hugging Face's form, instead of the hub's.")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    gpu_fraction: float = Field(0.25, gt=0, le=1, description="Of a GPU, for each replica, where there is one.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: as the weights are kept on a GPU, float32 on CPU."
    )
    cpu_threads: int = Field(0, ge=0, description="Threads of one replica on CPU. 0: all cores.")
    context: int = Field(0, ge=0, description="Tokens of question and answer. 0: the model's own, at most 16,384.")
    max_batch: int = Field(0, ge=0, description="Texts written together. 0: 16 on a GPU, 8 on CPU.")
    max_characters: int = Field(1_000_000, ge=1000, description="The longest text that is summarized.")
    max_requests: int = Field(32, ge=1, description="Requests that one replica takes at once; then 503.")
    timeout_s: float = Field(600, gt=0, description="A summary that takes longer is given up.")
    idle_unload_s: float = Field(900, gt=0, description="The model leaves memory after this.")
    max_replicas: int = Field(0, ge=0, description="0: 2 on GPUs, 1 on CPU, where one takes all cores.")


class IngressSettings(_Settings):
    """How requests are admitted and received."""

    uploads_dir: Path | None = Field(None, description="Where uploads are kept while they are worked on.")
    max_file_bytes: int = Field(2_000_000_000, gt=0)
    windows_in_flight: int = Field(
        32,
        ge=1,
        description="Windows of one file that wait and run at the replicas at once: two full batches of a GPU.",
    )
    max_concurrent: int = Field(64, ge=1, description="Transcriptions that one ingress replica takes at once.")
    max_wait_s: float = Field(
        10, gt=0, description="A file that would wait longer for its turn, as measured, is refused with 503."
    )
    guaranteed_slots: int = Field(16, ge=0, description="So many files at once are taken however long they wait.")
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description="Addresses and networks of your own proxies, whose X-Forwarded-For is believed."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class UploadSettings(_Settings):
    """Resumable uploads of accounts, by the protocol tus. They are kept where jobs are (`jobs.store`)."""

    expires_s: float = Field(86_400, gt=0, description="An upload that nobody goes on with or uses is deleted then.")
    max_per_account: int = Field(10, ge=0, description="0: there are none.")


class UrlSettings(_Settings):
    """Addresses that callers give: of recordings to fetch and of webhooks to call."""

    enabled: bool = Field(True, description="Whether callers may give any.")
    allow_http: bool = Field(False, description="Also addresses without TLS.")
    allowed_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description="Beside the public internet: your own networks that callers may make the service connect to."
    )
    connect_timeout_s: float = Field(10, gt=0)
    idle_timeout_s: float = Field(30, gt=0, description="A host that sends nothing for so long is given up.")
    download_timeout_s: float = Field(3600, gt=0, description="The longest download, whatever its size.")


class StreamSettings(_Settings):
    """Live transcription. A stream lives in the ingress replica that took its connection."""

    max_streams: int = Field(200, ge=1, description="Open at once in one ingress replica; more are refused with 503.")
    config_timeout_s: float = Field(10, gt=0, description="How long the first message may take to come.")
    idle_timeout_s: float = Field(30, gt=0, description="A stream without audio or keepalive ends after this.")
    max_session_s: float = Field(7200, gt=0, description="The longest stream; its client may connect again to go on.")
    slow_client_s: float = Field(10, gt=0, description="A client that takes no message for so long is closed.")
    max_frame_bytes: int = Field(
        1_000_000, ge=1000, le=MAX_MESSAGE_BYTES, description="The largest message that a client may send."
    )
    resume_s: float = Field(120, gt=0, description="How long a stream that was cut off is remembered.")
    partial_interval_s: float = Field(
        0.3, gt=0, description="Seconds of audio between two partials; more when there is much to do."
    )
    beam_size: int = Field(0, ge=0, le=10, description="Of final texts. 0: 5 on a GPU, 1 on CPU.")
    max_pending_audio_s: float = Field(
        60, gt=0, description="Seconds of audio that may wait for their text in one stream."
    )
    max_lag_s: float = Field(
        2, gt=0, description="While the open streams wait longer for their texts, new ones are refused with 503."
    )


class BillingSettings(BillingConfig):
    """Accounts and plans. A URL with a password, and STT_AI_SECRET, belong in the environment of the billing replicas.

    With SQLite there must be one billing replica, on the machine that has the file; with PostgreSQL any number.
    """

    database_url: Annotated[str | None, AfterValidator(_without_password)] = Field(
        None, description="None: STT_AI_DATABASE_URL, else SQLite in the user's data folder (~/.local/share/stt_ai)."
    )

    @property
    def config(self) -> BillingConfig:
        """Return the plans, without the database."""
        return _inherited(self, BillingConfig)


RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "diarizer.chunks_a_batch": "batch_size",
        "ingress.longest_wait_s": "max_wait_s",
        "ingress.always_taken": "guaranteed_slots",
        "stream.step_s": "partial_interval_s",
        "stream.undecided_s": "max_pending_audio_s",
        "stream.longest_lag_s": "max_lag_s",
        "jobs.store_dir": "store",
        "billing.anonymous.at_once": "max_concurrency",
        "billing.free.at_once": "max_concurrency",
        "billing.paid.at_once": "max_concurrency",
    }
)
"""Settings of earlier versions, and the name in the same section that each has now."""


class JobsSettings(JobsConfig):
    """Recordings that are transcribed without holding a connection open. All replicas must reach the store."""

    store: Annotated[str | None, AfterValidator(_location)] = Field(
        None,
        description="Where uploads, recordings and results are kept: a folder, or s3://bucket/prefix, "
        "gs://bucket/prefix or az://account/container/prefix. None: in the user's data folder (~/.local/share/stt_ai).",
    )
    max_running: int = Field(8, ge=1, description="Jobs of all accounts that one replica works on at once.")
    poll_s: float = Field(1, gt=0, description="How long an empty queue is left alone.")
    sweep_every_s: float = Field(60, gt=0, description="How often what is over is erased.")

    @property
    def config(self) -> JobsConfig:
        """Return the settings of the queue of jobs."""
        return _inherited(self, JobsConfig)


class Settings(_Settings):
    """All of ``args``, by section."""

    models: ModelSettings = ModelSettings()
    decoder: DecoderSettings = DecoderSettings()
    transcriber: TranscriberSettings = TranscriberSettings()
    diarizer: DiarizerSettings = DiarizerSettings()
    summarizer: SummarizerSettings = SummarizerSettings()
    ingress: IngressSettings = IngressSettings()
    uploads: UploadSettings = UploadSettings()
    urls: UrlSettings = UrlSettings()
    stream: StreamSettings = StreamSettings()
    billing: BillingSettings = BillingSettings()
    jobs: JobsSettings = JobsSettings()

    @model_validator(mode="before")
    @classmethod
    def _refuse_old_names(cls, given: Any) -> Any:
        for path, name in RENAMED.items():
            *sections, old = path.split(".")
            found = given
            for section in sections:
                found = found.get(section) if isinstance(found, dict) else None
            if isinstance(found, dict) and old in found:
                raise ValueError(f"{path} is called {'.'.join([*sections, name])} now")
        return given
