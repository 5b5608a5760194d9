"""A checkpoint that keeps nothing: for files whose work ends with the request that asked for it."""

from collections.abc import Mapping, Sequence

from stt_ai.types import DecodedAudio, LoadedModel, SpeakerTurn, Window, WindowTranscript


class NoCheckpoint:
    """A `Checkpoint` of a file that nobody takes up again."""

    async def load(self, audio: DecodedAudio) -> DecodedAudio:
        return audio

    async def windows(self, model: str, planned: Sequence[Window]) -> Mapping[int, WindowTranscript]:
        return {}

    async def save_window(self, window: Window, transcript: WindowTranscript) -> None:
        pass

    async def language(self) -> tuple[str, float] | None:
        return None

    async def save_language(self, language: tuple[str, float]) -> None:
        pass

    async def turns(self) -> tuple[LoadedModel, tuple[SpeakerTurn, ...]] | None:
        return None

    async def save_turns(self, model: LoadedModel, turns: tuple[SpeakerTurn, ...]) -> None:
        pass


NO_CHECKPOINT = NoCheckpoint()
