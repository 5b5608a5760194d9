"""A chat model in one GGUF file becomes a folder in Hugging Face's form."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize, quantize
from safetensors.numpy import load_file
from transformers import AutoConfig, AutoTokenizer

from stt_ai.models.convert_summaries import convert
from stt_ai.models.language_models import inspect
from stt_ai.models.weights import BadModelFiles

WIDTH, INNER, HEADS = 64, 96, 4
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)


def write_gguf(path: Path, architecture: str = "qwen2") -> dict[str, np.ndarray]:
    """Write a Qwen2 of one layer whose output matrix is finer than its input matrix. Return the tensors' values."""
    byte_letters = [chr(code) for code in [*range(33, 127), *range(161, 173), *range(174, 324)]]
    tokens = [*byte_letters, "He", "Hey", *SPECIAL]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_token_list(tokens)
    writer.add_token_merges(["H e", "He y"])
    writer.add_token_types([1] * (len(tokens) - len(SPECIAL)) + [3] * len(SPECIAL))
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_pad_token_id(len(tokens) - 3)
    writer.add_chat_template(TEMPLATE)
    random = np.random.default_rng(5)
    kv = WIDTH // HEADS * 2
    shapes = {
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (kv, WIDTH),
        "attn_v": (kv, WIDTH),
        "attn_output": (WIDTH, WIDTH),
        "ffn_gate": (INNER, WIDTH),
        "ffn_up": (INNER, WIDTH),
        "ffn_down": (WIDTH, INNER),
    }
    matrix = random.normal(0, 0.1, (len(tokens), WIDTH)).astype(np.float32)
    matrices = {"token_embd.weight": (matrix, gguf.GGMLQuantizationType.Q5_0)}
    matrices["output.weight"] = (matrix, gguf.GGMLQuantizationType.Q8_0)
    for name, shape in shapes.items():
        values = random.normal(0, 0.1, shape).astype(np.float32)
        matrices[f"blk.0.{name}.weight"] = (values, gguf.GGMLQuantizationType.Q8_0)
    written = {}
    for name, (values, kind) in matrices.items():
        packed = quantize(values, kind)
        writer.add_tensor(name, packed, raw_dtype=kind)
        written[name] = dequantize(packed, kind)
    vectors = dict.fromkeys(("blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "output_norm.weight"), WIDTH)
    vectors |= {"blk.0.attn_q.bias": WIDTH, "blk.0.attn_k.bias": kv, "blk.0.attn_v.bias": kv}
    for name, size in vectors.items():
        written[name] = random.normal(1, 0.1, size).astype(np.float32)
        writer.add_tensor(name, written[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return written


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("converted")
    values = write_gguf(folder / "model.gguf")
    convert(folder, folder / "target")
    return folder / "target", values


def test_the_folder_is_a_whole_chat_model(converted: tuple[Path, dict[str, np.ndarray]]) -> None:
    folder, _ = converted
    inspect(folder)
    config = AutoConfig.from_pretrained(folder)
    assert (config.hidden_size, config.num_hidden_layers, config.num_key_value_heads) == (WIDTH, 1, 2)
    assert config.rope_parameters["rope_theta"] == 10_000.0
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"][0] == config.vocab_size - 1


def test_matrices_are_within_half_a_step_of_the_file_and_the_finer_embedding_is_kept(
    converted: tuple[Path, dict[str, np.ndarray]],
) -> None:
    folder, values = converted
    stored = load_file(folder / "model.safetensors")
    pairs = {
        "model.embed_tokens.weight": "output.weight",
        "model.layers.0.self_attn.k_proj.weight": "blk.0.attn_k.weight",
        "model.layers.0.mlp.down_proj.weight": "blk.0.ffn_down.weight",
    }
    for name, source in pairs.items():
        scale = stored[f"{name}_scale"][:, None]
        assert stored[name].dtype == np.int8
        assert np.all(np.abs(stored[name] * scale - values[source]) <= 0.5001 * scale)
    assert np.array_equal(stored["model.layers.0.self_attn.q_proj.bias"], values["blk.0.attn_q.bias"])
    assert np.array_equal(stored["model.norm.weight"], values["output_norm.weight"])
    assert not any("lm_head" in name for name in stored)


def test_the_tokenizer_keeps_merges_special_tokens_and_the_chat_template(
    converted: tuple[Path, dict[str, np.ndarray]],
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(converted[0])
    assert tokenizer.tokenize("Hey ñ<|im_end|>") == ["Hey", "Ġ", "Ã", "±", "<|im_end|>"]
    assert tokenizer.decode(tokenizer("Hey ñ 😀")["input_ids"]) == "Hey ñ 😀"
    rendered = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    assert rendered.startswith("<|im_start|>user\nx<|im_end|>")


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model at all" * 100])
def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(BadModelFiles):
        convert(tmp_path, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_model_of_another_architecture_is_refused(tmp_path: Path) -> None:
    write_gguf(tmp_path / "model.gguf", "llama")
    with pytest.raises(BadModelFiles):
        convert(tmp_path, tmp_path / "target")
