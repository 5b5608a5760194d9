"""The HTTP API's settings and the services that it calls, passed as values."""

from dataclasses import dataclass, field
from pathlib import Path

from stt_ai.api.admission import Admission, Capacity
from stt_ai.api.http.client_address import TrustedProxies
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.stream.services import LiveServices
from stt_ai.billing.client import BillingClient
from stt_ai.billing.plans import BillingConfig
from stt_ai.meters import NO_METERS, Meters
from stt_ai.ports import Catalogue, Exposition, HealthProbe, Summarizer, TranscriptionService
from stt_ai.sources.fetching import Fetcher
from stt_ai.sources.resumable import ResumableUploads


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """Settings of the API. Sizes are bytes, 1 MB being 10^6; times are seconds.

    ``uploads_dir`` is created when missing; nobody but the service's own processes may write there.
    ``min_upload_rate`` is bytes a second over the whole body, looked at once ``upload_idle_timeout`` has passed.
    ``max_concurrent_uploads`` counts requests of one process, from their first byte to their answer.
    ``server_sends_request_id``: the server under the app adds `X-Request-ID` to responses, as Ray Serve's
    proxy does, so the app must not add it a second time.
    ``trusted_proxies`` may say in `X-Forwarded-For` for whom they speak; nobody else is believed.
    ``plans``: what `GET /v1/plans` shows.
    ``metrics_token``: whoever has it may read `/metrics`; empty: nobody may.
    """

    uploads_dir: Path
    default_model: str
    max_file_bytes: int = 2_000_000_000
    max_concurrent_uploads: int = 64
    upload_idle_timeout: float = 30.0
    min_upload_rate: float = 1_000.0
    min_free_bytes: int = 200_000_000
    max_summary_characters: int = 1_000_000
    health_timeout: float = 2.0
    server_sends_request_id: bool = False
    trusted_proxies: TrustedProxies = field(default_factory=TrustedProxies)
    metrics_token: str = field(default="", repr=False)
    version: str = "0"
    plans: BillingConfig = field(default_factory=BillingConfig)


@dataclass(frozen=True, slots=True)
class Services:
    """The parts behind the routes.

    ``billing`` None: there are no accounts, and everybody may, within the settings' limits. ``admission`` says
    otherwise, in the place of either. ``live`` None: there are no streams; ``summarizer`` None:
    no summaries. ``capacity``: who comes while there is none is refused before anything is asked of billing.
    ``jobs`` None: there are none. ``fetcher`` None: recordings cannot be given by their address.
    ``uploads`` None: there are no resumable uploads.
    ``meters`` count what goes on; ``exposition`` None: there is no `/metrics`.
    """

    transcription: TranscriptionService
    catalogue: Catalogue
    health: HealthProbe
    config: ApiConfig
    admission: Admission | None = None
    billing: BillingClient | None = None
    live: LiveServices | None = None
    summarizer: Summarizer | None = None
    fetcher: Fetcher | None = None
    uploads: ResumableUploads | None = None
    jobs: JobServices | None = None
    capacity: Capacity = field(default_factory=dict)
    meters: Meters = NO_METERS
    exposition: Exposition | None = None
