"""stt_ai: a self-hosted speech-to-text service on Ray Serve."""

__version__ = "0.1.0"
