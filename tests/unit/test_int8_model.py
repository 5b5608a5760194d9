"""Chat models in 8 bits: what is computed is near what float32 computes, whoever else is in the batch."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stt_ai.engines.chat_answer import Question
from stt_ai.engines.int8_model import Int8Embedding, Int8Linear, load
from stt_ai.engines.language_model import LanguageModel
from stt_ai.engines.stored_rows import StoredRows
from stt_ai.models.convert_summaries import convert
from stt_ai.types import Prompt
from tests.unit.test_convert_summaries import write_gguf


@pytest.fixture
def weights() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(3)
    matrix = torch.randn(320, 96, generator=made)
    scale = matrix.abs().amax(1) / 127
    return (matrix / scale.unsqueeze(1)).round().to(torch.int8), scale, torch.randn(320, generator=made)


def test_a_product_in_8_bits_is_within_two_percent(weights: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    matrix, scale, bias = weights
    x = torch.randn(2, 5, 96) * torch.tensor([1.0, 50.0]).view(2, 1, 1)
    exact = x @ (matrix * scale.unsqueeze(1)).T + bias
    found = Int8Linear(matrix, scale, bias)(x)
    assert found.shape == exact.shape
    assert (found - exact).norm() < 0.02 * exact.norm()


def test_a_rows_product_does_not_depend_on_other_rows(weights: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    linear = Int8Linear(*weights)
    for rows in (4, 13, 16):
        x = torch.randn(rows, 96)
        neighbors = torch.cat([x, 1000 * torch.randn(3, 96)])
        assert torch.equal(linear(neighbors)[:rows], linear(x))


def test_an_embedding_is_its_row_times_its_scale(
    weights: tuple[torch.Tensor, torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    matrix, scale, bias = weights
    save_file({"before": bias, "words": matrix, "zz": scale}, tmp_path / "model.safetensors")
    rows = StoredRows(tmp_path / "model.safetensors", "words")
    ids = torch.tensor([[0, 319], [7, 7]])
    assert torch.equal(Int8Embedding(rows, scale)(ids), matrix[ids].float() * scale[ids].unsqueeze(-1))


def test_a_converted_model_answers_and_is_near_its_float32(tmp_path: Path) -> None:
    write_gguf(tmp_path / "model.gguf")
    convert(tmp_path, tmp_path / "target")
    ids = torch.arange(40).view(1, 40)
    with torch.inference_mode():
        quantized = load(tmp_path / "target")(input_ids=ids).logits
        exact = load(tmp_path / "target", multiply_in_8_bits=False)(input_ids=ids).logits
    assert (quantized - exact).norm() < 0.1 * exact.norm()
    model = LanguageModel(tmp_path / "target", threads=1)
    one, other = (Question(Prompt("Hey", text, 6)) for text in ("He", "Hey Hey Hey"))
    assert model.answer([one, other]) == [*model.answer([one]), *model.answer([other])]
