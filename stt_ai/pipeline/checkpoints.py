"""A checkpoint that keeps nothing: for files whose work ends with the request that asked for it."""

from collections.abc import Mapping, Sequence

from stt_ai.types import DecodedAudio, LoadedModel, SpeakerTurn, Window, WindowTranscript


class NoCheckpoint:
    """A `Checkpoint` of a file that nobody takes up again."""

    async def load(self, audio: DecodedAudio) -> DecodedAudio:
        """Return ``audio`` as it is."""
        return audio

    async def windows(self, model: str, planned: Sequence[Window]) -> Mapping[int, WindowTranscript]:
        """Return nothing: every window is transcribed."""
        return {}

    async def save_window(self, window: Window, transcript: WindowTranscript) -> None:
        """Keep nothing."""
        pass

    async def language(self) -> tuple[str, float] | None:
        """Return None: the language is detected."""
        return None

    async def save_language(self, language: tuple[str, float]) -> None:
        """Keep nothing."""
        pass

    async def turns(self) -> tuple[LoadedModel, tuple[SpeakerTurn, ...]] | None:
        """Return None: the speakers are identified."""
        return None

    async def save_turns(self, model: LoadedModel, turns: tuple[SpeakerTurn, ...]) -> None:
        """Keep nothing."""
        pass


NO_CHECKPOINT = NoCheckpoint()
