"""The whole job over parts that are made of plain Python: what happens in which order, and when parts fail."""

import asyncio
import pickle
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stt_ai.errors import (
    AudioLost,
    BadParameter,
    IncompleteAudio,
    ModelUnavailable,
    Overloaded,
    PaymentRequired,
    ReplicaLost,
)
from stt_ai.pipeline import Pipeline
from stt_ai.types import (
    SAMPLE_RATE,
    AudioSelection,
    DecodedAudio,
    DecodingOptions,
    LoadedModel,
    Pcm,
    SpeakerCount,
    SpeakerTurn,
    SpeechRegion,
    Task,
    TranscriptionRequest,
    TranscriptWarning,
    Upload,
    Window,
    WindowNote,
    WindowTranscript,
    Word,
)

UPLOAD = Upload(Path("recording.wav"), 1)


class CannedDecoder:
    """Every file is ``seconds`` long, with speech in ``regions`` (seconds)."""

    def __init__(self, seconds: float, regions: Sequence[tuple[float, float]]) -> None:
        samples = int(seconds * SAMPLE_RATE)
        spans = tuple(SpeechRegion(int(a * SAMPLE_RATE), int(b * SAMPLE_RATE)) for a, b in regions)
        self.audio = DecodedAudio(Pcm((np.zeros(samples, np.int16),), samples, samples), spans, "wav")
        self.calls = 0

    async def decode(self, upload: Upload, selection: AudioSelection) -> DecodedAudio:
        self.calls += 1
        return self.audio


class SpeakingClock:
    """Writes "w<index>" for each window, in a language of its own; ``fails`` are raised first, one a call."""

    def __init__(
        self, languages: Sequence[tuple[str, float]] = (("en", 0.99),), fails: Sequence[Exception] = ()
    ) -> None:
        self.languages = languages
        self.fails = list(fails)
        self.recognized: Counter[tuple[int, str | None]] = Counter()
        self.active = self.most_active = self.cancelled = 0
        self.gate: asyncio.Event | None = None

    async def describe(self) -> LoadedModel:
        return LoadedModel("clock", demo=True)

    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        self.recognized[window.index, options.language] += 1
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await asyncio.sleep(0)
            if self.fails:
                raise self.fails.pop(0)
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.active -= 1
        code, probability = self.languages[min(window.index, len(self.languages) - 1)]
        code = options.language or code
        words = (Word(f" w{window.index}.", 0.1, 0.5, 0.9),)
        return WindowTranscript(words, code, probability, languages=((code, probability),))


class ScriptedDiarizer:
    """Finds ``turns`` (start, end, voice) in every file; ``fails`` are raised first, one a call."""

    def __init__(
        self, *turns: tuple[float, float, str], fails: Sequence[Exception] = (), demo: bool = False, reason: str = ""
    ) -> None:
        self.turns = tuple(SpeakerTurn(*turn) for turn in turns)
        self.fails = list(fails)
        self.demo, self.reason = demo, reason
        self.asked: list[SpeakerCount] = []
        self.cancelled = 0
        self.gate: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def describe(self) -> LoadedModel:
        return LoadedModel("voices", self.demo, reason=self.reason)

    async def diarize(self, pcm: Pcm, speakers: SpeakerCount) -> tuple[SpeakerTurn, ...]:
        self.asked.append(speakers)
        self.begun.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fails:
            raise self.fails.pop(0)
        return self.turns


def spoken(*, windows: int, each: float = 25.0) -> CannedDecoder:
    """A file whose speech makes so many windows: regions of ``each`` seconds, 5 s apart."""
    return CannedDecoder(windows * (each + 5), [(i * (each + 5), i * (each + 5) + each) for i in range(windows)])


async def turns_of_the_loop() -> None:
    """As many as eight windows need to begin, or three to be transcribed."""
    for _ in range(40):
        await asyncio.sleep(0)


async def test_words_come_in_order_at_their_place_in_the_file() -> None:
    clock = SpeakingClock()
    transcript = await Pipeline(spoken(windows=40), {"m": clock}, ScriptedDiarizer()).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert transcript.text == " ".join(f"w{i}." for i in range(40))
    assert [round(s.start, 2) for s in transcript.segments] == [round(30 * i + 0.1, 2) for i in range(40)]
    assert (transcript.model, transcript.demo, transcript.duration) == ("clock", True, 1200.0)


async def test_the_words_of_a_file_are_gone_through_beside_the_loop() -> None:
    """A file may have very many."""
    threads: set[int] = set()

    class Watched(tuple[Word, ...]):
        def __iter__(self) -> Iterator[Word]:
            threads.add(threading.get_ident())
            return super().__iter__()

    class Watching(SpeakingClock):
        async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
            recognized = await super().transcribe(pcm, window, options)
            return replace(recognized, words=Watched(recognized.words))

    pipeline = Pipeline(spoken(windows=3), {"m": Watching()}, ScriptedDiarizer((0.0, 90.0, "A")))
    transcript = await pipeline.transcribe(UPLOAD, TranscriptionRequest("m"))
    assert transcript.text == "w0. w1. w2."
    assert threads and threading.get_ident() not in threads


async def test_the_length_is_reported_once_and_before_there_is_a_transcript() -> None:
    clock = SpeakingClock(fails=[AudioLost("gone")])
    reported: list[float] = []
    allowed = asyncio.Event()

    async def on_duration(seconds: float) -> None:
        await allowed.wait()
        reported.append(seconds)

    pipeline = Pipeline(spoken(windows=2), {"m": clock}, ScriptedDiarizer())
    work = asyncio.create_task(pipeline.transcribe(UPLOAD, TranscriptionRequest("m"), on_duration))
    await turns_of_the_loop()
    assert not work.done()
    allowed.set()
    await work
    assert reported == [60.0]


async def test_who_cannot_pay_for_the_length_gets_no_more_work() -> None:
    clock = SpeakingClock()

    async def refuse(seconds: float) -> None:
        raise PaymentRequired("No credits remaining. Upgrade your plan.")

    pipeline = Pipeline(spoken(windows=40), {"m": clock}, ScriptedDiarizer(), windows_in_flight=8)
    with pytest.raises(PaymentRequired):
        await pipeline.transcribe(UPLOAD, TranscriptionRequest("m"), refuse)
    begun = clock.recognized.total()
    await turns_of_the_loop()
    assert clock.recognized.total() == begun <= 8


async def test_a_clear_first_window_settles_the_language_and_is_transcribed_once() -> None:
    clock = SpeakingClock([("es", 0.97), ("fr", 0.9)])
    transcript = await Pipeline(spoken(windows=3), {"m": clock}, ScriptedDiarizer()).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert (transcript.language, transcript.language_probability) == ("es", 0.97)
    assert clock.recognized == {(0, None): 1, (1, "es"): 1, (2, "es"): 1}


async def test_an_unclear_first_window_is_transcribed_again_in_the_language_of_the_others() -> None:
    clock = SpeakingClock([("gl", 0.4), ("es", 0.99)])
    transcript = await Pipeline(spoken(windows=3), {"m": clock}, ScriptedDiarizer()).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert transcript.language == "es"
    assert clock.recognized == {(0, None): 1, (1, None): 1, (2, None): 1, (0, "es"): 1}


async def test_a_language_that_the_caller_names_is_not_questioned() -> None:
    clock = SpeakingClock([("en", 0.99)])
    request = TranscriptionRequest("m", language="fr")
    transcript = await Pipeline(spoken(windows=2), {"m": clock}, ScriptedDiarizer()).transcribe(UPLOAD, request)
    assert (transcript.language, transcript.language_probability) == ("fr", 1.0)
    assert set(clock.recognized) == {(0, "fr"), (1, "fr")}


async def test_a_silent_file_has_no_text_and_no_segments() -> None:
    transcript = await Pipeline(CannedDecoder(60, []), {"m": SpeakingClock()}, ScriptedDiarizer()).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert (transcript.text, transcript.segments, transcript.duration) == ("", (), 60.0)


async def test_lost_samples_are_decoded_again_and_no_window_is_transcribed_twice() -> None:
    clock = SpeakingClock()
    decoder = spoken(windows=6)
    lossy = SpeakingClock()

    async def lose_after_three(pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        if sum(clock.recognized.values()) == 3 and decoder.calls == 1:
            raise AudioLost("gone")
        return await clock.transcribe(pcm, window, options)

    lossy.transcribe = lose_after_three  # type: ignore[method-assign]
    pipeline = Pipeline(decoder, {"m": lossy}, ScriptedDiarizer(), windows_in_flight=1)
    transcript = await pipeline.transcribe(UPLOAD, TranscriptionRequest("m"))
    assert transcript.text == " ".join(f"w{i}." for i in range(6))
    assert decoder.calls == 2
    assert set(clock.recognized.values()) == {1}


async def test_samples_that_are_lost_again_and_again_end_in_a_clear_error() -> None:
    clock = SpeakingClock(fails=[AudioLost("gone")] * 9)
    decoder = spoken(windows=1)
    with pytest.raises(ReplicaLost):
        await Pipeline(decoder, {"m": clock}, ScriptedDiarizer(), decode_attempts=3).transcribe(
            UPLOAD, TranscriptionRequest("m")
        )
    assert decoder.calls == 3


async def test_only_so_many_windows_of_a_file_wait_at_the_replicas() -> None:
    clock = SpeakingClock()
    await Pipeline(spoken(windows=50), {"m": clock}, ScriptedDiarizer(), windows_in_flight=4).transcribe(
        UPLOAD, TranscriptionRequest("m", language="en")
    )
    assert clock.most_active == 4


async def test_the_first_failure_ends_the_others_and_is_told_as_itself() -> None:
    clock = SpeakingClock(fails=[Overloaded("full", 7)])
    clock.gate = asyncio.Event()
    with pytest.raises(Overloaded, match="full"):
        await Pipeline(spoken(windows=8), {"m": clock}, ScriptedDiarizer()).transcribe(
            UPLOAD, TranscriptionRequest("m", language="en")
        )
    assert clock.active == 0
    assert clock.cancelled == 7


async def test_a_caller_who_leaves_takes_the_work_along() -> None:
    clock = SpeakingClock()
    clock.gate = asyncio.Event()
    work = asyncio.create_task(
        Pipeline(spoken(windows=8), {"m": clock}, ScriptedDiarizer()).transcribe(
            UPLOAD, TranscriptionRequest("m", language="en")
        )
    )
    await turns_of_the_loop()
    assert clock.active == 8
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (clock.active, clock.cancelled) == (0, 8)


async def test_a_model_that_is_not_served_is_said_so() -> None:
    with pytest.raises(ModelUnavailable, match="large"):
        await Pipeline(spoken(windows=1), {}, ScriptedDiarizer()).transcribe(UPLOAD, TranscriptionRequest("large"))


# Who speaks


async def test_each_window_goes_to_the_voice_that_holds_it_named_by_first_speech() -> None:
    voices = ScriptedDiarizer((0.0, 29.0, "B"), (29.0, 59.0, "A"), (59.0, 90.0, "B"))
    transcript = await Pipeline(spoken(windows=3), {"m": SpeakingClock()}, voices).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert [segment.speaker for segment in transcript.segments] == ["Speaker 1", "Speaker 2", "Speaker 1"]
    assert transcript.speakers == ("Speaker 1", "Speaker 2")
    assert all(word.speaker == segment.speaker for segment in transcript.segments for word in segment.words)


async def test_without_diarization_nobody_is_asked_and_nobody_named() -> None:
    voices = ScriptedDiarizer((0.0, 90.0, "A"))
    transcript = await Pipeline(spoken(windows=3), {"m": SpeakingClock()}, voices).transcribe(
        UPLOAD, TranscriptionRequest("m", diarize=False)
    )
    assert transcript.speakers == ()
    assert all(word.speaker is None for segment in transcript.segments for word in segment.words)
    assert voices.asked == []


@pytest.mark.parametrize("asked", [{"speakers": 1}, {"max_speakers": 1}])
async def test_one_voice_needs_no_model(asked: dict[str, int]) -> None:
    voices = ScriptedDiarizer()
    transcript = await Pipeline(spoken(windows=2), {"m": SpeakingClock()}, voices).transcribe(
        UPLOAD, TranscriptionRequest("m", **asked)
    )
    assert transcript.speakers == ("Speaker 1",)
    assert voices.asked == []


async def test_no_speech_has_no_speakers_and_asks_nobody() -> None:
    voices = ScriptedDiarizer()
    transcript = await Pipeline(CannedDecoder(60, []), {"m": SpeakingClock()}, voices).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert transcript.speakers == ()
    assert voices.asked == []


async def test_words_of_which_no_voice_was_found_are_all_one_speakers() -> None:
    transcript = await Pipeline(spoken(windows=2), {"m": SpeakingClock()}, ScriptedDiarizer()).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert transcript.speakers == ("Speaker 1",)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, SpeakerCount(1, 0)),
        ({"speakers": 3}, SpeakerCount(3, 3)),
        ({"min_speakers": 2, "max_speakers": 4}, SpeakerCount(2, 4)),
    ],
)
async def test_the_diarizer_is_told_how_many_voices_to_expect(asked: dict[str, int], expected: SpeakerCount) -> None:
    voices = ScriptedDiarizer((0.0, 60.0, "A"))
    await Pipeline(spoken(windows=2), {"m": SpeakingClock()}, voices).transcribe(
        UPLOAD, TranscriptionRequest("m", **asked)
    )
    assert voices.asked == [expected]


async def test_an_overloaded_diarizer_ends_the_request_and_the_transcription_beside_it() -> None:
    clock, voices = SpeakingClock(), ScriptedDiarizer(fails=[Overloaded("full", 7)])
    clock.gate, voices.gate = asyncio.Event(), asyncio.Event()
    work = asyncio.create_task(
        Pipeline(spoken(windows=4), {"m": clock}, voices).transcribe(UPLOAD, TranscriptionRequest("m", language="en"))
    )
    await voices.begun.wait()
    await turns_of_the_loop()
    voices.gate.set()
    with pytest.raises(Overloaded, match="full"):
        await work
    assert (clock.active, clock.cancelled) == (0, 4)


async def test_a_transcription_that_fails_ends_the_diarization_beside_it() -> None:
    clock, voices = SpeakingClock(fails=[Overloaded("full", 7)]), ScriptedDiarizer()
    voices.gate = asyncio.Event()
    with pytest.raises(Overloaded):
        await Pipeline(spoken(windows=1), {"m": clock}, voices).transcribe(UPLOAD, TranscriptionRequest("m"))
    assert voices.cancelled == len(voices.asked)


async def test_samples_lost_to_the_diarizer_are_decoded_again_and_what_was_transcribed_is_kept() -> None:
    clock, voices = SpeakingClock(), ScriptedDiarizer((0.0, 90.0, "A"), fails=[AudioLost("gone")])
    decoder = spoken(windows=3)
    voices.gate = asyncio.Event()
    work = asyncio.create_task(Pipeline(decoder, {"m": clock}, voices).transcribe(UPLOAD, TranscriptionRequest("m")))
    await turns_of_the_loop()
    assert (sum(clock.recognized.values()), clock.active) == (3, 0)
    voices.gate.set()
    transcript = await work
    assert (decoder.calls, len(voices.asked), transcript.speakers) == (2, 2, ("Speaker 1",))
    assert set(clock.recognized.values()) == {1}


async def test_voices_that_were_told_apart_are_kept_when_the_samples_are_lost_afterwards() -> None:
    clock, voices = SpeakingClock(fails=[AudioLost("gone")]), ScriptedDiarizer((0.0, 90.0, "A"))
    decoder = spoken(windows=1)
    lose = clock.transcribe

    async def lose_after_the_voices(pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        await voices.begun.wait()
        await turns_of_the_loop()
        return await lose(pcm, window, options)

    clock.transcribe = lose_after_the_voices  # type: ignore[method-assign]
    await Pipeline(decoder, {"m": clock}, voices).transcribe(UPLOAD, TranscriptionRequest("m"))
    assert (decoder.calls, len(voices.asked)) == (2, 1)


@pytest.mark.parametrize(("diarize", "demo"), [(True, True), (False, False)])
async def test_a_demo_diarizer_makes_the_answer_a_demos(diarize: bool, demo: bool) -> None:
    clock, voices = SpeakingClock(), ScriptedDiarizer((0.0, 30.0, "A"), demo=True)

    async def describe() -> LoadedModel:
        return LoadedModel("real")

    clock.describe = describe  # type: ignore[method-assign]
    transcript = await Pipeline(spoken(windows=1), {"m": clock}, voices).transcribe(
        UPLOAD, TranscriptionRequest("m", diarize=diarize)
    )
    assert transcript.demo is demo


# Warnings, and whoever wants none about the audio


class Served(SpeakingClock):
    """Transcribes with ``model`` behind it."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__()
        self.model = model

    async def describe(self) -> LoadedModel:
        return self.model


MISSING = TranscriptWarning("audio_missing", "A part of the audio is missing.", 1.0, 2.0)
QUIET = TranscriptWarning("quiet", "The audio is very quiet.")
REASON = "m is not here, since the model hub cannot be reached: whisper-base serves in its place."
BASE = LoadedModel("whisper-base", origin="packages", reason=REASON)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LoadedModel("m", origin="hub"), []),
        (BASE, [("model_substituted", REASON)]),
        (LoadedModel("demo", True, origin="demo", reason="A demo serves."), [("demo_model", "A demo serves.")]),
        (
            LoadedModel("demo", True),
            [("demo_model", "A demo model wrote this text. It knows few words, and real speech comes out wrong.")],
        ),
    ],
)
async def test_the_answer_says_which_model_served_in_place_of_another(
    model: LoadedModel, said: list[tuple[str, str]]
) -> None:
    transcript = await Pipeline(spoken(windows=1), {"m": Served(model)}, ScriptedDiarizer((0.0, 30.0, "A"))).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert [(warning.code, warning.message) for warning in transcript.warnings] == said
    assert transcript.model == model.label and transcript.demo is model.demo
    assert not any(warning.about_audio for warning in transcript.warnings)


@pytest.mark.parametrize(
    ("demo", "reason", "diarize", "codes"),
    [
        (True, "models.source is demo", True, ["demo_diarization"]),
        (False, "the model hub cannot be reached", True, ["diarization_substituted"]),
        (False, "", True, []),
        (True, "", False, []),
    ],
)
async def test_who_named_the_speakers_is_said_where_they_are_named(
    demo: bool, reason: str, diarize: bool, codes: list[str]
) -> None:
    voices = ScriptedDiarizer((0.0, 30.0, "A"), demo=demo, reason=reason)
    transcript = await Pipeline(spoken(windows=1), {"m": Served(LoadedModel("m"))}, voices).transcribe(
        UPLOAD, TranscriptionRequest("m", diarize=diarize)
    )
    assert [warning.code for warning in transcript.warnings] == codes


async def test_what_the_decoder_warns_of_comes_first() -> None:
    decoder = spoken(windows=1)
    decoder.audio = replace(decoder.audio, warnings=(QUIET, MISSING))
    transcript = await Pipeline(decoder, {"m": Served(BASE)}, ScriptedDiarizer()).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert transcript.warnings[:2] == (QUIET, MISSING)
    assert [warning.code for warning in transcript.warnings[2:]] == ["model_substituted"]


async def test_a_strict_request_is_refused_for_the_worst_warning_before_anything_is_done() -> None:
    decoder, clock, lengths = spoken(windows=1), SpeakingClock(), []
    decoder.audio = replace(decoder.audio, warnings=(QUIET, MISSING))

    async def on_duration(seconds: float) -> None:
        lengths.append(seconds)

    with pytest.raises(IncompleteAudio, match="A part of the audio is missing") as refusal:
        await Pipeline(decoder, {"m": clock}, ScriptedDiarizer()).transcribe(
            UPLOAD, TranscriptionRequest("m", strict=True), on_duration
        )
    assert refusal.value.code == "audio_missing"
    assert not lengths and not clock.recognized
    assert pickle.loads(pickle.dumps(refusal.value)).code == "audio_missing"


async def test_a_strict_request_is_not_refused_for_the_service() -> None:
    transcript = await Pipeline(spoken(windows=1), {"m": Served(BASE)}, ScriptedDiarizer()).transcribe(
        UPLOAD, TranscriptionRequest("m", strict=True)
    )
    assert [warning.code for warning in transcript.warnings] == ["model_substituted"]


# What is asked of the model, and what is reported meanwhile


async def test_task_prompt_and_temperature_are_asked_of_every_window() -> None:
    clock, asked = SpeakingClock(), []
    recognize = clock.transcribe

    async def remember(pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        asked.append(options)
        return await recognize(pcm, window, options)

    async def describe() -> LoadedModel:
        return LoadedModel("real", translates=True)

    clock.transcribe, clock.describe = remember, describe  # type: ignore[method-assign]
    request = TranscriptionRequest("m", task=Task.TRANSLATE, prompt="Emma", temperature=0.4)
    await Pipeline(spoken(windows=2), {"m": clock}, ScriptedDiarizer()).transcribe(UPLOAD, request)
    wanted = DecodingOptions(task=Task.TRANSLATE, prompt="Emma", temperatures=(0.4, 0.6, 0.8, 1.0))
    assert asked == [wanted, replace(wanted, language="en")]


async def test_a_usual_request_decodes_as_the_operator_set_it() -> None:
    clock, asked = SpeakingClock(), []
    recognize = clock.transcribe

    async def remember(pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        asked.append(options)
        return await recognize(pcm, window, options)

    clock.transcribe = remember  # type: ignore[method-assign]
    usual = DecodingOptions(beam_size=2)
    await Pipeline(spoken(windows=1), {"m": clock}, ScriptedDiarizer(), options=usual).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert asked == [usual]


async def test_a_model_that_cannot_translate_is_not_made_to() -> None:
    clock, request = SpeakingClock(), TranscriptionRequest("m", task=Task.TRANSLATE)
    with pytest.raises(BadParameter, match="clock here, which was not trained to translate") as refusal:
        await Pipeline(spoken(windows=1), {"m": clock}, ScriptedDiarizer()).transcribe(UPLOAD, request)
    assert (refusal.value.parameter, clock.recognized.total()) == ("model", 0)


async def test_text_is_sent_in_order_while_later_windows_are_transcribed() -> None:
    clock, reported, ends = SpeakingClock(), [], []
    hold, first_reported = asyncio.Event(), asyncio.Event()
    recognize = clock.transcribe

    async def last_first(pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        if window.index == 2:
            await first_reported.wait()
            await hold.wait()
        return await recognize(pcm, window, options)

    async def on_text(piece: str, until: float) -> None:
        reported.append(piece)
        ends.append(until)
        first_reported.set()

    clock.transcribe = last_first  # type: ignore[method-assign]
    pipeline = Pipeline(spoken(windows=5), {"m": clock}, ScriptedDiarizer())
    work = asyncio.create_task(pipeline.transcribe(UPLOAD, TranscriptionRequest("m", language="en"), None, on_text))
    await first_reported.wait()
    await turns_of_the_loop()
    assert "".join(reported) == "w0. w1."
    hold.set()
    transcript = await work
    assert "".join(reported) == transcript.text == "w0. w1. w2. w3. w4."
    assert ends == sorted(ends) and ends[-2:] == [145.0, 150.0] and reported[-1] == ""


async def test_no_text_is_sent_before_its_length_is_allowed_nor_any_of_a_language_that_was_not_settled_on() -> None:
    clock = SpeakingClock([("gl", 0.4), ("es", 0.99)])
    reported: list[str] = []
    allowed = asyncio.Event()

    async def on_duration(seconds: float) -> None:
        await allowed.wait()

    async def on_text(piece: str, until: float) -> None:
        assert allowed.is_set()
        reported.append(piece)

    pipeline = Pipeline(spoken(windows=3), {"m": clock}, ScriptedDiarizer())
    work = asyncio.create_task(pipeline.transcribe(UPLOAD, TranscriptionRequest("m"), on_duration, on_text))
    await turns_of_the_loop()
    assert reported == []
    allowed.set()
    assert (await work).text == "".join(reported) == "w0. w1. w2."


@pytest.mark.parametrize("slowly", [False, True])
async def test_text_is_sent_once_when_samples_are_lost(slowly: bool) -> None:
    """Also the piece that is being sent at that moment, to somebody who takes it slowly."""
    clock, voices = SpeakingClock(), ScriptedDiarizer((0.0, 90.0, "A"), fails=[AudioLost("gone")])
    reported: list[str] = []
    decoder = spoken(windows=3)
    voices.gate, taken = asyncio.Event(), asyncio.Event()

    async def on_text(piece: str, until: float) -> None:
        if slowly:
            await taken.wait()
        reported.append(piece)

    work = asyncio.create_task(
        Pipeline(decoder, {"m": clock}, voices).transcribe(UPLOAD, TranscriptionRequest("m"), None, on_text)
    )
    await turns_of_the_loop()
    voices.gate.set()
    await turns_of_the_loop()
    taken.set()
    assert (await work).text == "".join(reported) == "w0. w1. w2."
    assert decoder.calls == 2


async def test_notes_of_each_window_come_with_the_transcript() -> None:
    clock = SpeakingClock()

    async def doubtful(pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        return WindowTranscript((Word(" hm", 0.1, 0.5, 0.9),), "en", 0.9, 0.1 * window.index, 0.2 * window.index)

    clock.transcribe = doubtful  # type: ignore[method-assign]
    transcript = await Pipeline(spoken(windows=2), {"m": clock}, ScriptedDiarizer()).transcribe(
        UPLOAD, TranscriptionRequest("m")
    )
    assert transcript.windows == (WindowNote(0.0, 0.0, 0.0), WindowNote(30.0, 0.1, 0.2))
