"""The transcriber deployment: one speech model and the batch queue before it. One deployment a model."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from stt_ai.deployments.remote import fetch_chunks
from stt_ai.engines.scheduler import BatchScheduler
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.errors import ModelUnavailable, SttError
from stt_ai.models.fetch import ModelSource, ResolvedModel, resolve
from stt_ai.models.catalogue import CatalogueEntry
from stt_ai.speech.windows import gather_samples
from stt_ai.types import DecodingOptions, LanguageGuess, LoadedModel, Pcm, Samples, Window, WindowTranscript

logger = logging.getLogger(__name__)
