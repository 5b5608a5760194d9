"""The client of an stt_ai service. Imports nothing of the service itself.

from stt_ai import Client

with Client(api_key="…", base_url="http://127.0.0.1:8000") as client:
    print(client.transcribe("meeting.mp3").text)
"""

from stt_ai.sdk.account_results import Account, Allowance, Key, NewAccount, NewKey, Plan, Plans, Usage
from stt_ai.sdk.aio.client import AsyncClient
from stt_ai.sdk.aio.stream import AsyncStream
from stt_ai.sdk.errors import (
    AuthenticationFailed,
    BadRequest,
    Conflict,
    ConnectionFailed,
    JobEnded,
    NotFound,
    PaymentRequired,
    RateLimited,
    ServerError,
    StreamClosed,
    SttAiError,
    TooLarge,
    Unavailable,
    UploadInterrupted,
)
from stt_ai.sdk.events import (
    Ended,
    Event,
    Final,
    Partial,
    Ready,
    SpeechStarted,
    SpeechStopped,
    UtteranceEnd,
)
from stt_ai.sdk.job_calls import Correction, Webhook
from stt_ai.sdk.job_results import (
    Delivery,
    DeliveryAttempt,
    Job,
    JobError,
    JobPage,
    JobProgress,
    JobSummary,
    JobWebhook,
    WebhookSecret,
)
from stt_ai.sdk.microphone import Microphone, MicrophoneUnavailable
from stt_ai.sdk.results import (
    Health,
    Language,
    Model,
    Segment,
    Summary,
    Transcription,
    TranscriptText,
    TranscriptWarning,
    Word,
)
from stt_ai.sdk.sync.client import Client
from stt_ai.sdk.sync.stream import Stream
from stt_ai.sdk.webhooks import InvalidWebhook, verify_webhook

__all__ = [
    "Account",
    "Allowance",
    "AsyncClient",
    "AsyncStream",
    "AuthenticationFailed",
    "BadRequest",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Correction",
    "Delivery",
    "DeliveryAttempt",
    "Ended",
    "Event",
    "Final",
    "Health",
    "InvalidWebhook",
    "Job",
    "JobEnded",
    "JobError",
    "JobPage",
    "JobProgress",
    "JobSummary",
    "JobWebhook",
    "Key",
    "Language",
    "Microphone",
    "MicrophoneUnavailable",
    "Model",
    "NewAccount",
    "NewKey",
    "NotFound",
    "Partial",
    "PaymentRequired",
    "Plan",
    "Plans",
    "RateLimited",
    "Ready",
    "Segment",
    "ServerError",
    "SpeechStarted",
    "SpeechStopped",
    "Stream",
    "StreamClosed",
    "SttAiError",
    "Summary",
    "TooLarge",
    "TranscriptText",
    "TranscriptWarning",
    "Transcription",
    "Unavailable",
    "UploadInterrupted",
    "Usage",
    "UtteranceEnd",
    "Webhook",
    "WebhookSecret",
    "Word",
    "verify_webhook",
]
