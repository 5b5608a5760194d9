"""Transcribes an upload: plain async over the ports, no Ray and no HTTP."""

from stt_ai.pipeline.transcription import Pipeline

__all__ = ["Pipeline"]
