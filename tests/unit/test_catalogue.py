"""The catalogue says what the public documentation shows, and operators can restrict and extend it."""

import pickle

import pytest
from faster_whisper import tokenizer
from faster_whisper import utils as faster_whisper
from pydantic import ValidationError

from stt_ai.api.transcription.parameters import known_language
from stt_ai.errors import BadParameter
from stt_ai.models.catalogue import DOCUMENTED, ModelCatalogue, ModelEntry
from stt_ai.models.languages import ALIASES, LANGUAGES
from stt_ai.types import ModelInfo

MINE = ModelEntry(id="mine", name="Mine", repo="me/mine", mel_bins=80)


def test_the_documented_models_in_their_order() -> None:
    assert ModelCatalogue().models() == (
        ModelInfo("large-v3-turbo", "Whisper Large V3 Turbo", 99, "fast"),
        ModelInfo("large-v3", "Whisper Large V3", 99, "standard", translates=True),
        ModelInfo("medium", "Whisper Medium", 99, "fast", translates=True),
        ModelInfo("small", "Whisper Small", 99, "very_fast", translates=True),
    )


def test_repositories_are_those_that_faster_whisper_uses() -> None:
    assert {entry.id: entry.repo for entry in DOCUMENTED} == {
        entry.id: faster_whisper._MODELS[entry.id] for entry in DOCUMENTED
    }


def test_languages_are_whispers_own_and_begin_as_documented() -> None:
    languages = ModelCatalogue().languages()
    assert languages[:3] == (("en", "english"), ("es", "spanish"), ("fr", "french"))
    assert {code for code, _ in languages} == set(tokenizer._LANGUAGE_CODES)
    assert len({name for _, name in languages}) == len(languages)
    assert all(name == name.lower() for _, name in languages)


def test_only_the_v3_kinds_know_cantonese() -> None:
    knows = {entry.id for entry in DOCUMENTED if "yue" in entry.codes}
    assert knows == {"large-v3", "large-v3-turbo"}
    assert all(len(entry.codes) == 99 for entry in DOCUMENTED if entry.id not in knows)
    older = ModelCatalogue(offer=("small",), default="small")
    assert "yue" not in dict(older.languages())
    assert "yue" not in dict(ModelCatalogue().languages("small"))
    assert "yue" in dict(ModelCatalogue().languages("large-v3"))


def test_codes_of_iso_639_1_are_taken_where_whisper_has_another() -> None:
    for code, taken in (("jv", "jw"), ("jv-ID", "jw"), ("nb-NO", "no")):
        assert known_language(code, ModelCatalogue(), "small") == taken
    assert set(ALIASES.values()) <= LANGUAGES.keys() and not ALIASES.keys() & LANGUAGES.keys()


def test_larger_types_and_larger_models_take_more_memory() -> None:
    turbo, large = DOCUMENTED[:2]
    sizes = [large.memory_mb(kind) for kind in ("int8", "float16", "float32")]
    assert None not in sizes
    assert sizes == sorted(sizes)  # type: ignore[type-var]
    assert (turbo.memory_mb("int8") or 0) < (large.memory_mb("int8") or 0)
    assert large.memory_mb("int8_float16") == large.memory_mb("int8")
    assert large.memory_mb("nonsense") is None
    assert MINE.memory_mb("int8") is None


def test_an_unknown_model_is_the_callers_mistake_and_the_message_names_what_there_is() -> None:
    with pytest.raises(BadParameter, match=r"'huge'.*large-v3-turbo, large-v3, medium, small") as raised:
        ModelCatalogue().entry("huge")
    assert raised.value.parameter == "model"


def test_operators_add_restrict_and_replace() -> None:
    assert [e.id for e in ModelCatalogue(extra=(MINE,)).entries] == [*(e.id for e in DOCUMENTED), "mine"]
    only = ModelCatalogue(default="mine", offer=("mine", "small"), extra=(MINE,))
    assert [e.id for e in only.entries] == ["mine", "small"]
    with pytest.raises(BadParameter):
        only.entry("medium")
    replaced = ModelCatalogue(extra=(ModelEntry(id="small", name="Ours", repo="me/small"),))
    assert replaced.entry("small").repo == "me/small"
    assert len(replaced.entries) == 4


def test_a_model_of_few_languages_shows_their_number() -> None:
    english = ModelEntry(id="small.en", name="Small", repo="a/b", language_codes=("fr", "en", "en"))
    catalogue = ModelCatalogue(default="small.en", offer=("small.en",), extra=(english,))
    assert catalogue.models()[0].languages == 2
    assert catalogue.languages() == (("en", LANGUAGES["en"]), ("fr", LANGUAGES["fr"]))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"defualt": "small"}, "defualt"),
        ({"default": "huge"}, "'huge' is not on offer"),
        ({"offer": ["small"]}, "'large-v3-turbo' is not on offer"),
        ({"offer": ["large-v3-turbo", "huge"]}, "unknown models: huge"),
        ({"extra": [{"id": "../../etc", "name": "x"}]}, "id"),
        ({"extra": [{"id": "x", "name": "x", "repo": "no-owner"}]}, "repo"),
        ({"extra": [{"id": "x", "name": "x", "mel_bins": 64}]}, "mel_bins"),
        ({"extra": [{"id": "x", "name": "x", "language_codes": ["klingon"]}]}, "klingon"),
        ({"extra": [{"id": "x", "name": "x"}, {"id": "x", "name": "y"}]}, "different ids"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ModelCatalogue.model_validate(settings)


def test_the_catalogue_travels_between_processes() -> None:
    catalogue = ModelCatalogue(extra=(MINE,))
    assert pickle.loads(pickle.dumps(catalogue)) == catalogue
