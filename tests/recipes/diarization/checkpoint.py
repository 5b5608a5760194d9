"""Writes a model as pyannote.audio reads it."""

from pathlib import Path
from typing import Any

import lightning
import torch


def save(model: Any, folder: Path, step: int) -> None:
    """`pytorch_model.bin` in the folder: weights, hyper-parameters and what the model is for."""
    model.eval()
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": lightning.__version__,
        "epoch": 0,
        "global_step": step,
    }
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folder / "pytorch_model.bin")
