"""The GE2E embedding, with weights by chance: what holds whatever the weights are."""

import numpy as np
import pytest
import torch
from torchaudio.functional import melscale_fbanks

from stt_ai.engines.ge2e import BANDS, DIMENSION, PARTIAL, Ge2eEmbedding, mel_filters
from stt_ai.types import SAMPLE_RATE

CHUNK = 5 * SAMPLE_RATE
MASK = 293


@pytest.fixture(scope="module")
def model() -> Ge2eEmbedding:
    torch.manual_seed(0)
    model = Ge2eEmbedding()
    for name, weights in model.lstm.named_parameters():
        if name.startswith("weight"):  # wide enough that the sound makes a difference
            torch.nn.init.normal_(weights, std=0.05)
    return model.eval()


@pytest.fixture(scope="module")
def waves() -> torch.Tensor:
    """Two chunks of noise that differ in color and swell: [2, 1, samples]."""
    generator = torch.Generator().manual_seed(1)
    white = 0.1 * torch.randn(2, 1, CHUNK, generator=generator)
    white[1] = torch.cumsum(white[1], dim=1) * 0.05
    return white * torch.linspace(0.5, 1.5, CHUNK)


def embed(model: Ge2eEmbedding, waves: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    with torch.inference_mode():
        return model(waves, weights=weights)


def halves() -> torch.Tensor:
    """The first speaker has the first half of a chunk, the second the rest: [1, 2, frames]."""
    weights = torch.zeros(1, 2, MASK)
    weights[0, 0, : MASK // 2] = 1
    weights[0, 1, MASK // 2 :] = 1
    return weights


def test_filters_are_slaneys_as_others_make_them() -> None:
    theirs = melscale_fbanks(201, 0.0, SAMPLE_RATE / 2, BANDS, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
    assert np.allclose(mel_filters(), theirs.T.numpy(), atol=1e-6)


def test_embeddings_are_of_length_one_and_differ(model: Ge2eEmbedding, waves: torch.Tensor) -> None:
    found = embed(model, waves)
    assert found.shape == (2, DIMENSION)
    assert torch.allclose(found.norm(dim=1), torch.ones(2), atol=1e-5)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


@pytest.mark.parametrize("gain", [0.01, 0.3, 3.0])
def test_loudness_makes_no_difference(model: Ge2eEmbedding, waves: torch.Tensor, gain: float) -> None:
    assert torch.allclose(embed(model, gain * waves), embed(model, waves), atol=1e-4)


def test_order_and_company_in_a_batch_make_no_difference(model: Ge2eEmbedding, waves: torch.Tensor) -> None:
    together = embed(model, waves)
    assert torch.allclose(embed(model, waves.flip(0)), together.flip(0), atol=1e-5)
    assert torch.allclose(embed(model, waves[1:]), together[1:], atol=1e-5)


def test_several_speakers_of_one_wave_get_what_each_gets_alone(model: Ge2eEmbedding, waves: torch.Tensor) -> None:
    both = embed(model, waves[:1], halves())
    assert both.shape == (1, 2, DIMENSION)
    for speaker in range(2):
        assert torch.allclose(embed(model, waves[:1], halves()[:, speaker]), both[:, speaker], atol=1e-5)


def test_what_others_say_makes_no_difference(model: Ge2eEmbedding, waves: torch.Tensor) -> None:
    """But at the very edge, where a frame of 25 ms reaches over."""
    other = waves[:1].clone()
    other[..., CHUNK // 2 + SAMPLE_RATE // 4 :] *= -0.5
    weights = halves()
    assert torch.allclose(embed(model, other, weights)[0, 0], embed(model, waves[:1], weights)[0, 0], atol=1e-5)
    assert not torch.allclose(embed(model, other[..., :], weights)[0, 1], embed(model, waves[1:], weights)[0, 1])


def test_pauses_are_left_out(model: Ge2eEmbedding, waves: torch.Tensor) -> None:
    """Frames that are not the speaker's count for nothing, so twice the same with a pause is as good as once."""
    mel = torch.rand(2 * PARTIAL, BANDS)
    with torch.inference_mode():
        once, again = model.embed([mel[:PARTIAL], mel[:PARTIAL].repeat(3, 1)[: 2 * PARTIAL]])
    assert float(once @ again) > 0.9


def test_silence_is_finite_and_who_says_nothing_has_no_embedding(model: Ge2eEmbedding) -> None:
    silence = torch.zeros(1, 1, CHUNK)
    assert torch.isfinite(embed(model, silence)).all()
    weights = torch.zeros(1, 2, MASK)
    weights[0, 0] = 1
    found = embed(model, silence, weights)[0]
    assert torch.isfinite(found[0]).all()
    assert torch.isnan(found[1]).all()


@pytest.mark.parametrize("frames", [Ge2eEmbedding.MIN_FRAMES, PARTIAL - 1, PARTIAL, PARTIAL + 1, 1000])
def test_speech_of_any_length_is_transcribed_to_its_end(model: Ge2eEmbedding, frames: int) -> None:
    mel = torch.rand(frames, BANDS)
    changed = mel.clone()
    changed[-5:] *= 30
    with torch.inference_mode():
        one, other = model.embed([mel, changed])
    assert torch.isfinite(one).all()
    assert not torch.allclose(one, other, atol=1e-6)


def test_nobody_at_all_is_no_error(model: Ge2eEmbedding) -> None:
    with torch.inference_mode():
        assert model.embed([]).shape == (0, DIMENSION)
        assert torch.isnan(model.embed([torch.rand(3, BANDS)])).all()
