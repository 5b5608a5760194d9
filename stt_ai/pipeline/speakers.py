"""The speakers of a file."""

from collections.abc import Sequence

from stt_ai.pipeline.checkpoints import NO_CHECKPOINT
from stt_ai.ports import Checkpoint, Diarizer
from stt_ai.speech import attribution
from stt_ai.types import DecodedAudio, LoadedModel, SpeakerTurn, TranscriptionRequest, Word


class Speakers:
    """The speaker turns of one file. The diarizer finds them once, even if samples are lost later."""

    def __init__(
        self, diarizer: Diarizer, request: TranscriptionRequest, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        self._checkpoint = checkpoint
        self._diarizer = diarizer
        self._wanted = request.diarize
        self._count = request.expected_speakers
        self._turns: tuple[SpeakerTurn, ...] | None = None
        self.model: LoadedModel | None = None  # what identified them, once it has

    def asked_for(self, audio: DecodedAudio) -> bool:
        """Return whether the diarizer has to process the audio."""
        possible = bool(audio.regions) and not audio.channels
        return self._wanted and self._count.maximum != 1 and possible and self._turns is None

    async def find(self, audio: DecodedAudio) -> None:
        """Find the turns, if they are asked for and not known."""
        if not self.asked_for(audio):
            return
        if (found := await self._checkpoint.turns()) is None:
            model = await self._diarizer.describe()
            found = model, await self._diarizer.diarize(audio.pcm, self._count)
            await self._checkpoint.save_turns(*found)
        self.model, self._turns = found

    def name(self, words: Sequence[Word]) -> Sequence[Word]:
        """Return the words with their speakers, if asked for; all of one speaker if no turns were found."""
        return attribution.attribute(words, self._turns or ()) if self._wanted else words
