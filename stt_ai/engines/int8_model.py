"""Chat models of transformers whose matrices are kept, and multiplied, in 8 bits on CPU.

Weights have one scale for each output channel, as `stt_ai.models.convert_summaries` writes them. Activations are
rounded to 8 bits for each token when they arrive (Dettmers et al., 2022, LLM.int8(), without the outliers' own path),
so that what a token becomes does not depend on its neighbors in the batch. oneDNN multiplies with VNNI or AMX where
the processor has them: on one core reading is 8 times, and writing 3 times, as fast as in float32.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from stt_ai.engines.stored_rows import StoredRows

_MIN_OUTPUTS = 256
"""oneDNN takes 3 ms for one token and fewer outputs, float32 less than 0.1 ms."""
_MIN_SCALE = 1e-9
_ROW_STEP = 16
"""Reading makes a kernel for each number of rows, some 100 kB; of multiples of this there are few. AMX takes as many at
once, so that the rows in vain cost nothing."""
_MAX_WRITTEN_ROWS = 8
"""As many or fewer are a batch that is written, a row for each answer."""


class Int8Linear(nn.Module):  # type: ignore[misc]
    """`y = x W^T + b` with W of shape (outputs, inputs) in 8 bits; x and y are float32."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self._packed = torch.ops.onednn.qlinear_prepack(weight, None)
        self._scale = scale
        self._zero_points = torch.zeros(len(scale), dtype=torch.int32)
        self._bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output in float32; ``x`` is quantized row by row."""
        rows = x.reshape(-1, x.shape[-1])
        row_scale = rows.abs().amax(1, keepdim=True).clamp_(min=_MIN_SCALE).div_(127)
        count = len(rows)
        padding = -count % _ROW_STEP if count > _MAX_WRITTEN_ROWS else 0
        quantized = rows.new_zeros((count + padding, rows.shape[1]), dtype=torch.int8)
        quantized[:count] = (rows / row_scale).round_()
        y = torch.ops.onednn.qlinear_pointwise(
            quantized,
            1.0,
            0,
            self._packed,
            self._scale,
            self._zero_points,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )[:count].mul_(row_scale)
        if self._bias is not None:
            y.add_(self._bias)
        return y.view(*x.shape[:-1], -1)


class Int8Embedding(nn.Module):  # type: ignore[misc]
    """Rows of a table in 8 bits, as float32."""

    def __init__(self, rows: StoredRows, scale: Tensor) -> None:
        super().__init__()
        self._rows = rows
        self._scale = scale

    def forward(self, ids: Tensor) -> Tensor:
        """Return the rows of ``ids`` as float32."""
        return self._rows.read(ids).float().mul_(self._scale[ids].unsqueeze(-1))


def load(folder: Path, *, multiply_in_8_bits: bool = True) -> Any:
    """Return the causal model in ``folder``, written by `stt_ai.models.convert_summaries`.

    The file is mapped, a matrix at a time, and no float32 copy of the model is made. Where this torch has no oneDNN
    for 8 bits, or where it is not wanted, matrices become float32.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    stored = _Stored(folder / "model.safetensors", multiply_in_8_bits and _has_kernel())
    # The largest first: while it is packed it is there twice.
    for name, module in sorted(model.named_modules(), key=lambda one: one[0] != "lm_head"):
        parent, _, attribute = name.rpartition(".")
        if isinstance(module, nn.Embedding | nn.Linear):
            replacement = stored.embedding(name) if isinstance(module, nn.Embedding) else stored.linear(name)
            setattr(model.get_submodule(parent), attribute, replacement)
            continue
        for parameter, _ in list(module.named_parameters(recurse=False)):
            setattr(module, parameter, nn.Parameter(stored.tensor(f"{name}.{parameter}"), requires_grad=False))
    rotary = model.model.rotary_emb
    model.model.rotary_emb = type(rotary)(config)  # its buffers are computed, not stored
    model.generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)
    return model.eval()


class _Stored:
    """The tensors of a weights file. The output matrix is the input's."""

    def __init__(self, path: Path, in_8_bits: bool) -> None:
        self._path = path
        self._in_8_bits = in_8_bits
        with safe_open(path, "pt") as file:
            self._names = frozenset(file.keys())

    def mapped(self, name: str) -> Tensor:
        """Return a tensor that is a part of the file. A mapping of its own goes with it, and with it its pages."""
        with safe_open(self._path, "pt") as file:
            tensor: Tensor = file.get_tensor(name)
        return tensor

    def tensor(self, name: str) -> Tensor:
        return self.mapped(name).clone()

    def embedding(self, name: str) -> nn.Module:
        scale = self.tensor(f"{name}.weight_scale")
        if self._in_8_bits:  # stays in the file: of its rows only those of words that occur are read
            return Int8Embedding(StoredRows(self._path, f"{name}.weight"), scale)
        return nn.Embedding.from_pretrained(self.mapped(f"{name}.weight").float() * scale.unsqueeze(-1))

    def linear(self, name: str) -> nn.Module:
        stored = name if f"{name}.weight" in self._names else "model.embed_tokens"
        weight, scale = self.mapped(f"{stored}.weight"), self.tensor(f"{stored}.weight_scale")
        bias = self.tensor(f"{name}.bias") if f"{name}.bias" in self._names else None
        if self._in_8_bits and len(scale) >= _MIN_OUTPUTS:
            return Int8Linear(weight, scale, bias)
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
        linear.weight = nn.Parameter(weight.float() * scale.unsqueeze(-1), requires_grad=False)
        if bias is not None:
            linear.bias = nn.Parameter(bias, requires_grad=False)
        return linear


def _has_kernel() -> bool:
    try:
        Int8Linear(torch.ones(_MIN_OUTPUTS, 64, dtype=torch.int8), torch.ones(_MIN_OUTPUTS), None)(torch.ones(1, 64))
    except (RuntimeError, NotImplementedError, AttributeError):  # another processor's torch
        return False
    return True
