"""This machine's microphone, as pieces of 16-bit mono audio."""

import queue
from collections.abc import Iterator
from typing import Any

_BLOCK_S = 0.1


class MicrophoneUnavailable(RuntimeError):
    """The recording library is not installed, or there is no microphone."""


class Microphone:
    """Pieces of audio as they are recorded, until it is closed. Recording begins with the first one.

    ``device``: a number or a part of a name, as `python -m sounddevice` lists them; None: the system's choice.
    """

    def __init__(self, device: int | str | None = None, sample_rate: int = 16_000) -> None:
        self.sample_rate = sample_rate
        self._device = device
        self._pieces: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[bytes]:
        """Raises `MicrophoneUnavailable`."""
        recorder = self._opened()
        try:
            recorder.start()
            while (piece := self._pieces.get()) is not None:
                yield piece
        finally:
            recorder.close()

    def close(self) -> None:
        """Stop recording; what was recorded still comes."""
        self._pieces.put(None)

    def _opened(self) -> Any:
        try:
            import sounddevice
        except ImportError:
            message = "A microphone needs sounddevice: pip install '.[microphone]' in the project's folder."
            raise MicrophoneUnavailable(message) from None
        except OSError as error:
            message = f"A microphone needs the PortAudio library (libportaudio2 in Debian): {error}."
            raise MicrophoneUnavailable(message) from None

        def recorded(data: Any, frames: int, time: Any, status: Any) -> None:
            self._pieces.put(bytes(data))

        try:
            return sounddevice.RawInputStream(
                samplerate=self.sample_rate,
                blocksize=int(self.sample_rate * _BLOCK_S),
                device=self._device,
                channels=1,
                dtype="int16",
                callback=recorded,
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            message = f"The microphone cannot be opened: {error}. `python -m sounddevice` lists those there are."
            raise MicrophoneUnavailable(message) from None
