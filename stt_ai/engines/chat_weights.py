"""Chat models of transformers, from a folder of Hugging Face's form into memory."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stt_ai.engines import library_pages
from stt_ai.engines.cores import available
from stt_ai.engines.malloc import return_freed_memory, use_one_arena

_UNUSED = ("scipy", "torchaudio", "triton")
"""What transformers imports with every model where it is installed, for training, sound and GPUs: 90 MB."""


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer: chat models have several, and name them in their generation config."""
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    return frozenset(token for token in [*listed, tokenizer.eos_token_id] if token is not None)


def load(folder: Path, device: str, dtype: str, threads: int) -> tuple[Any, Any]:
    """Return the model in ``folder``, on its device, and its tokenizer."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve the other models on these cores
    use_one_arena()
    packaged = json.loads((folder / "config.json").read_text()).get("stt_ai_weight_format") == "int8_per_channel"
    # transformers asks once for each package whether it is there.
    unused = _UNUSED if packaged and device == "cpu" and "transformers" not in sys.modules else ()
    with _hidden(unused):
        _prepare(device, threads)
        loaded = _load_int8(folder, device) if packaged else _load_any(folder, device, dtype)
    return_freed_memory()
    if device == "cpu":
        library_pages.release_pages(library_pages.CUDA)
    return loaded


@contextmanager
def _hidden(packages: Sequence[str]) -> Iterator[None]:
    """Within this context ``packages`` cannot be imported, as if they were not installed, unless they were before."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is what Python itself looks for
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _load_int8(folder: Path, device: str) -> tuple[Any, Any]:
    """Return a model that `stt_ai.models.convert_summaries` wrote, and its tokenizer.

    The tokenizer's own class would keep its 150,000 words in Python beside those that it works with, 60 MB.
    """
    import torch
    from transformers import PreTrainedTokenizerFast

    from stt_ai.engines import int8_model

    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, padding_side="left", local_files_only=True)
    return_freed_memory()
    model = int8_model.load(folder, multiply_in_8_bits=device == "cpu")
    return model if device == "cpu" else model.to(device, torch.bfloat16), tokenizer


def _load_any(folder: Path, device: str, dtype: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # Few processors multiply half precision quickly.
    kind = "float32" if dtype == "auto" and device == "cpu" else dtype
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=kind, device_map={"": device}, local_files_only=True, use_safetensors=True
    )
    return model.eval(), tokenizer


def _prepare(device: str, threads: int) -> None:
    """Set the libraries up for all that follows."""
    import torch
    from transformers.utils import logging as chatter

    chatter.disable_progress_bar()
    if device == "cpu":
        # Keys and values are not copied for each of the heads that share them, which takes as long as using them.
        os.environ.setdefault("TRANSFORMERS_SDPA_FORCE_GQA", "1")
        torch.set_num_threads(threads or available())  # Ray tells every process to have but one
