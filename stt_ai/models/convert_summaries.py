"""Makes a folder in Hugging Face's form of a Qwen2 chat model in one GGUF file, with weights in 8 bits.

Every matrix is kept as signed 8-bit integers with one float32 scale for each output channel (absolute maximum / 127),
under its name and under the name with `_scale` behind it; `config.json` says so in `WEIGHT_FORMAT_KEY`.
`stt_ai.engines.language_model` loads that form. GGUF: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stt_ai.models.weights import BadModelFiles

GGUF_FILE = "model.gguf"
WEIGHT_FORMAT_KEY, INT8_PER_CHANNEL = "stt_ai_weight_format", "int8_per_channel"

_ROWS = 8192
"""Rows that are dequantized at once: what bounds the memory that the output matrix takes."""
_ENDS = ("<|im_end|>", "<|endoftext|>")
_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_LAYER = re.compile(r"blk\.(\d+)\.(\w+)\.(weight|bias)$")
_CONTROL = 3
"""The GGUF token type of special tokens."""


def convert(downloaded: Path, target: Path) -> None:
    """Fill the folder ``target`` from ``downloaded / GGUF_FILE``. Raise `BadModelFiles` if that is no Qwen2 model.

    The configuration is written last, so that a folder that has one is whole.
    """
    from gguf import GGUFReader
    from safetensors.numpy import save_file

    path = downloaded / GGUF_FILE
    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        reader = GGUFReader(path)
        if reader.fields["general.architecture"].contents() != "qwen2":
            raise BadModelFiles(f"{path} is not a Qwen2 model")
        config = _config(reader)
        for tensor in reader.tensors:
            arrays.update(_arrays(tensor, reader))
        tokenizer = _tokenizer(reader)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise BadModelFiles(f"{path} cannot be read as GGUF: {error}") from error
    target.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(target)
    save_file(arrays, target / "model.safetensors", {"format": "pt"})
    ends = {"eos_token_id": config["eos_token_id"], "pad_token_id": config["pad_token_id"]}
    _write_json(target / "generation_config.json", {**ends, "do_sample": False})
    _write_json(target / "config.json", config)


def _config(reader: Any) -> dict[str, Any]:
    """Return `config.json` of transformers."""

    def value(name: str) -> Any:
        return reader.fields[f"qwen2.{name}"].contents()

    tokens = reader.fields["tokenizer.ggml.tokens"]
    layers = int(value("block_count"))
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "hidden_size": int(value("embedding_length")),
        "intermediate_size": int(value("feed_forward_length")),
        "num_hidden_layers": layers,
        "num_attention_heads": int(value("attention.head_count")),
        "num_key_value_heads": int(value("attention.head_count_kv")),
        "max_position_embeddings": int(value("context_length")),
        "rms_norm_eps": float(f"{value('attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_theta": float(value("rope.freq_base")),
        "use_sliding_window": False,
        "max_window_layers": layers,
        "vocab_size": len(tokens.data),
        "tie_word_embeddings": True,
        "eos_token_id": [int(reader.fields["tokenizer.ggml.eos_token_id"].contents()), _padding(reader)],
        "pad_token_id": _padding(reader),
        WEIGHT_FORMAT_KEY: INT8_PER_CHANNEL,
    }


def _padding(reader: Any) -> int:
    return int(reader.fields["tokenizer.ggml.padding_token_id"].contents())


def _arrays(tensor: Any, reader: Any) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield what is stored of a tensor: vectors as they are, matrices in 8 bits and their scales.

    The model has one matrix for input and output. The file has it twice, rounded apart: the output's, which is the
    finer, is kept.
    """
    name = tensor.name
    if name == "token_embd.weight" and any(other.name == "output.weight" for other in reader.tensors):
        return
    if name in ("token_embd.weight", "output.weight"):
        stored = "model.embed_tokens.weight"
    elif name == "output_norm.weight":
        stored = "model.norm.weight"
    else:
        match = _LAYER.match(name)
        if match is None:
            raise ValueError(f"it has a tensor {name!r}")
        stored = f"model.layers.{match[1]}.{_NAMES[match[2]]}.{match[3]}"
    if tensor.data.ndim == 1:
        yield stored, np.array(tensor.data, np.float32)
    else:
        quantized, scale = _in_8_bits(tensor)
        yield stored, quantized
        yield f"{stored}_scale", scale


def _in_8_bits(tensor: Any) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return a matrix of shape (outputs, inputs) and its scales of shape (outputs,)."""
    from gguf.quants import dequantize

    rows = len(tensor.data)
    quantized = np.empty((rows, int(tensor.shape[0])), np.int8)
    scales = np.empty(rows, np.float32)
    for begin in range(0, rows, _ROWS):
        part = slice(begin, begin + _ROWS)
        values = np.asarray(dequantize(tensor.data[part], tensor.tensor_type), np.float32)
        scale = np.maximum(np.abs(values).max(axis=1), 1e-12) / 127
        quantized[part] = np.rint(values / scale[:, None])
        scales[part] = scale
    return quantized, scales


def _tokenizer(reader: Any) -> Any:
    """Return transformers' tokenizer with the file's vocabulary, special tokens and chat template."""
    from transformers import AddedToken, Qwen2Tokenizer

    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    kinds = reader.fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ", 1)) for merge in reader.fields["tokenizer.ggml.merges"].contents()]
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    end, padding = _ENDS
    tokenizer = Qwen2Tokenizer(
        vocab={token: place for place, token in enumerate(tokens)},
        merges=merges,
        eos_token=end,
        pad_token=padding,
        unk_token=None,
        add_prefix_space=False,
    )
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [AddedToken(token, special=True) for token in special if token not in _ENDS]}
    )
    tokenizer.chat_template = reader.fields["tokenizer.chat_template"].contents()
    return tokenizer


def _write_json(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    partial.replace(path)
