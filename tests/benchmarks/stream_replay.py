"""`python -m tests.benchmarks.stream_replay SETTING`: talks replayed at the speed of speech, in a process of its own.

The session, or its peer, before the transcriber's own queue and engine, without Ray; or a client of the running
service. ``SETTING`` is JSON. Prints JSON:
for each stream when it began and what was sent at which time.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from stt_ai.deployments.transcriber import TranscriberConfig, TranscriberDeployment
from stt_ai.engines.silero import VoiceDetector
from stt_ai.errors import SttError, Unavailable
from stt_ai.models.catalogue import ModelEntry
from stt_ai.models.wanted import SourceSettings
from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.events import Final, Partial
from stt_ai.streaming.session import LiveSession
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Hypothesis, LoadedModel, Samples, WindowTranscript
from tests.benchmarks import real_talk
from tests.benchmarks.stream_peer import LocalAgreement
from tests.benchmarks.stream_talk import talk

CHUNK = SAMPLE_RATE // 10
PAPERS_BUFFER_S = 15.0

Reported = list[tuple[float, str, bool]]
"""(seconds after the stream's first sample, text of the utterance, whether it is final)."""


class InProcess:
    """The transcriber as a `LiveRecognizer`."""

    def __init__(self, transcriber: TranscriberDeployment, window_s: float) -> None:
        self._transcriber = transcriber
        self._window_s = window_s

    async def describe(self) -> LoadedModel:
        return LoadedModel("benchmark", window_s=self._window_s)

    async def transcribe_partial(
        self, samples: Samples, options: DecodingOptions, *, key: str, within_s: float
    ) -> Hypothesis | None:
        return await self._transcriber.transcribe_partial(samples, options, key, within_s)

    async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        recognized = await self._transcriber.transcribe_final(samples, options, key)
        if isinstance(recognized, Unavailable):
            raise recognized
        return recognized


async def session(model: InProcess, voices: VoiceDetector, samples: Samples, wait_s: float) -> Reported:
    reported: Reported = []
    live = LiveSession(LiveConfig("benchmark", "en", word_timestamps=True), model, voices)
    await live.start()
    await asyncio.sleep(wait_s)
    begun = time.monotonic()

    async def read() -> None:
        async for event in live.events():
            if isinstance(event, Partial | Final):
                reported.append((time.monotonic() - begun, event.text, isinstance(event, Final)))

    reader = asyncio.create_task(read())
    for at in range(0, len(samples), CHUNK):
        await asyncio.sleep(max(0.0, begun + (at + CHUNK) / SAMPLE_RATE - time.monotonic()))
        await live.feed(samples[at : at + CHUNK])
    await live.stop()
    await reader
    await live.aclose()
    return reported


async def peer(model: InProcess, voices: VoiceDetector, samples: Samples, wait_s: float) -> Reported:
    reported: Reported = []
    longest = min(PAPERS_BUFFER_S, (await model.describe()).window_s - 2.0)
    await asyncio.sleep(wait_s)
    begun = time.monotonic()
    stream = LocalAgreement(
        model,
        voices,
        longest,
        str(wait_s),
        lambda text, final: reported.append((time.monotonic() - begun, text, final)),
    )
    running = asyncio.create_task(stream.run())
    for at in range(0, len(samples), CHUNK):
        await asyncio.sleep(max(0.0, begun + (at + CHUNK) / SAMPLE_RATE - time.monotonic()))
        stream.feed(samples[at : at + CHUNK])
    stream.stop()
    await running
    return reported


async def service(setting: dict[str, Any], samples: Samples) -> Reported:
    """Over a WebSocket to the running service."""
    reported: Reported = []
    headers = {"Authorization": f"Bearer {setting['key']}"}
    async with connect(f"{setting['url']}/v1/stream", additional_headers=headers) as socket:
        await socket.send(json.dumps({"language": "en"}))
        await socket.recv()
        begun = time.monotonic()

        async def read() -> None:
            async for message in socket:
                fields = json.loads(message)
                if text := fields.get("text") or fields.get("partial"):
                    reported.append((time.monotonic() - begun, text, bool(fields.get("text"))))

        reader = asyncio.create_task(read())
        for at in range(0, len(samples), CHUNK):
            await asyncio.sleep(max(0.0, begun + (at + CHUNK) / SAMPLE_RATE - time.monotonic()))
            await socket.send(samples[at : at + CHUNK].tobytes())
        await socket.send(json.dumps({"action": "stop"}))
        await reader
    return reported


async def replay(setting: dict[str, Any]) -> list[Reported]:
    """``streams`` talks of ``sentences`` each, begun one after another within the first seconds."""
    talks = [_talk(setting, number) for number in range(setting["streams"])]
    if setting["policy"] == "service":
        return list(await asyncio.gather(*(service(setting, samples) for samples in talks)))
    folder = Path(setting["model"])
    entry = ModelEntry(id="bench", name="bench", folder=folder, variable_length=setting["variable_length"])
    source = SourceSettings(source="hub")
    transcriber = TranscriberDeployment(
        TranscriberConfig(
            entry, source, True, cpu_threads=setting["threads"], compute_type=setting.get("compute_type", "default")
        )
    )
    model, voices = InProcess(transcriber, setting["window_s"]), VoiceDetector()
    options = DecodingOptions("en", beam_size=1, temperatures=(0.0,))
    for _ in range(3):
        await model.transcribe_final(talks[0][: 8 * SAMPLE_RATE], options, key="")
    waits = [5.0 * number / len(talks) for number in range(len(talks))]
    how = {"session": session, "peer": peer}[setting["policy"]]
    return list(await asyncio.gather(*(how(model, voices, t, wait) for t, wait in zip(talks, waits, strict=True))))


def _talk(setting: dict[str, Any], number: int) -> Samples:
    if "speech" not in setting:
        return talk(setting["sentences"], 3 * number)[0]
    folder, voice = Path(setting["speech"]), setting["voice"] + number
    return real_talk.talk(folder, voice, seconds=setting["seconds"], fluent=setting["fluent"])[0]


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print
    try:
        replayed = asyncio.run(replay(json.loads(sys.argv[1])))
    except SttError as error:
        sys.exit(f"the replay failed: {error}")
    json.dump(replayed, out)


if __name__ == "__main__":
    main()
