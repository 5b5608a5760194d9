"""Training of the demo recogniser on CPU within a time budget.

The curriculum goes by the share of the budget spent: windows of 2-3 s, then up to 6 s, then up to 9 s and some of one
or two sentences padded to 30 s. Helpers make it learn within two hours: heads for phonemes and words on the encoder,
and one head of each decoder layer whose attention is guided to where the words are (the exported `alignment_heads`).
"""

import math
import queue
import random
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing import get_context
from torch.nn import functional as F

from .grammar import WORD_ID
from .model import Shape, TrainingWhisper
from .phonemes import phoneme_ids
from .tokenizer import SmallVocabulary, build_tokenizer
from .windows import FRAME, IGNORED, Corpus, Mel, WindowMaker, batch

PEAK_RATE = 1.5e-3
WARM_UP = 250
FRAMES_PER_BATCH = 4500  # of 20 ms
CHECKPOINT_SECONDS = 180
LONG_FROM = 0.5  # of the time: from then on windows are longer, and some are padded to 30 s


class Stage(NamedTuple):
    """How the windows of a batch are drawn."""

    seconds: float
    size: int
    crop: float
    dense: bool
    content: float = math.inf


def plan(spent: float, rng: random.Random) -> Stage:
    """The windows of a batch after `spent` of the time budget."""
    if spent < 0.10:
        seconds, crop, dense = rng.choice([2.0, 2.0, 3.0]), 0.5, True
    elif spent < LONG_FROM:
        seconds, crop, dense = rng.choice([2.0, 3.0, 4.0, 6.0]), 0.3, True
    else:
        crop, dense = 0.2, rng.random() < 0.6
        if rng.random() < 0.08:  # one or two sentences in a window that is padded to 30 s
            return Stage(30.0, round(FRAMES_PER_BATCH * FRAME / 30.0) + 1, crop, False, 9.0)
        seconds = rng.choice([3.0, 4.0, 6.0, 9.0])
    return Stage(seconds, round(FRAMES_PER_BATCH * FRAME / seconds), crop, dense)


def rate(step: int, spent: float) -> float:
    """Warm-up, then constant to 63 % of the time, then down to nothing in a straight line."""
    return PEAK_RATE * min(1.0, (step + 1) / WARM_UP) * max(0.01, min(1.0, (1 - spent) / 0.37))


def produce(corpus_folder: Path, ranks: Path, spent: Any, batches: Any, step: int, rank: int, world: int) -> None:
    """Runs in a process of its own: makes this process's share of the batch of every step from `step` on.

    The shape of a batch is drawn from the number of its step: all processes have the same, and none waits for another.
    """
    torch.set_num_threads(1)
    corpus = Corpus(corpus_folder)
    maker, mel = WindowMaker(corpus, SmallVocabulary(build_tokenizer(ranks)), step * world + rank), Mel()
    refreshed = time.monotonic()
    while True:
        if time.monotonic() - refreshed > 30:
            corpus.refresh()
            refreshed = time.monotonic()
        rng = random.Random(step)
        stage = plan(spent.value, rng)
        room = 1500 - round(stage.seconds / FRAME)
        offset = rng.randrange(room // 5) * 5 if room > 5 and rng.random() < 0.12 else 0
        batches.put(
            batch(
                maker,
                mel,
                max(1, round(stage.size / world)),
                stage.seconds,
                offset,
                stage.crop,
                stage.dense,
                stage.content,
            )
        )
        step += 1


def losses(model: TrainingWhisper, data: dict[str, Tensor], forced: float = 0.0) -> dict[str, Tensor]:
    """The losses of a batch; in a share `forced` of its windows the guided heads attend exactly where they should."""
    audio, middle = model.encoder.with_middle(data["mel"], int(data["offset"]))
    rows = model.rows()
    spans, next_spans = (_spread(s, audio.shape[1]) for s in (data["spans"][:, :-1], data["spans"][:, 1:]))
    targets = [spans] + [next_spans] * (len(model.decoder.layers) - 1)
    guided = (torch.rand(len(audio), 1, 1) < forced).float()
    hidden, guided = model.hidden(
        data["tokens"], audio, rows, [guided * target for target in targets] if forced else ()
    )
    labels = data["labels"]
    kept = labels != IGNORED
    text = F.cross_entropy(model.logits(hidden[kept], rows), labels[kept])
    phonemes = F.cross_entropy(model.phoneme_head(middle).flatten(0, 1), data["phonemes"].flatten())
    words = _words(model, audio, data["words"])
    guide = sum(_guide(attention, target) for attention, target in zip(guided, targets, strict=True))
    return {"text": text, "phonemes": phonemes, "words": words, "guide": guide / len(guided)}


def _words(model: TrainingWhisper, audio: Tensor, words: Tensor) -> Tensor:
    """Cross-entropy of each word (window, first frame, last excluded, class) by the mean of its frames."""
    if not len(words):
        return audio.sum() * 0
    sums = F.pad(audio.cumsum(1), (0, 0, 1, 0))
    window, first, last, kind = words.unbind(1)
    mean = (sums[window, last] - sums[window, first]) / (last - first)[:, None]
    return F.cross_entropy(model.word_head(mean), kind)


def _spread(spans: Tensor, frames: int) -> Tensor:
    """(batch, tokens, frames): attention evenly over each token's span (seconds); zero where there is none."""
    time_of = (torch.arange(frames) + 0.5) * FRAME
    inside = (time_of >= spans[..., :1] - 0.02) & (time_of < spans[..., 1:] + 0.02) & (spans[..., :1] >= 0)
    return inside / inside.sum(-1, keepdim=True).clamp(min=1)


def _guide(log_attention: Tensor, target: Tensor) -> Tensor:
    """Mean divergence of attention (batch, tokens, frames) from its target, over tokens that have one."""
    some = target.sum(-1) > 0
    if not some.any():
        return log_attention.sum() * 0
    target = target[some]
    return (target * (target.clamp(min=1e-9).log() - log_attention[some])).sum(-1).mean()


def train(corpus: Path, ranks: Path, checkpoint: Path, minutes: float, processes: int = 2) -> None:
    """Train for `minutes`, resuming from the checkpoint if there is one.

    Each process has one thread and its share of every batch, and all average their gradients: at this size two threads
    in one process spend almost half their time waiting for each other.
    """
    with tempfile.TemporaryDirectory() as meeting:
        arguments = (processes, f"file://{meeting}/point", corpus, ranks, checkpoint, minutes)
        torch.multiprocessing.spawn(_train, arguments, nprocs=processes)


def _train(rank: int, world: int, meeting: str, corpus: Path, ranks: Path, checkpoint: Path, minutes: float) -> None:
    """One of `world` processes that train the same model."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world)
    vocabulary = SmallVocabulary(build_tokenizer(ranks))
    shape = Shape()
    model = TrainingWhisper(shape, vocabulary.words_of, len(WORD_ID) + 1, len(phoneme_ids()) + 1)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    step, elapsed = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, elapsed = state["step"], state["elapsed"]
    context = get_context("spawn")
    spent, batches = context.Value("d", elapsed / (60 * minutes)), context.Queue(3)
    share = (corpus, ranks, spent, batches, step, rank, world)
    producer = context.Process(target=produce, args=share, daemon=True)
    producer.start()
    began = saved = time.monotonic()
    sums: dict[str, float] = {}
    while elapsed < 60 * minutes:
        spent.value = elapsed / (60 * minutes)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, spent.value)
        try:
            data = batches.get(timeout=120)
        except queue.Empty as error:
            raise RuntimeError("the process that makes batches has died") from error
        tensors = {name: torch.from_numpy(np.asarray(array)) for name, array in data.items()}
        parts = losses(model, tensors, guided_share(spent.value))
        loss = weighted(parts, spent.value)
        optimizer.zero_grad()
        loss.backward()
        now = time.monotonic()
        elapsed, began = average(parameters, elapsed + now - began), now
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        kind = "long" if tensors["mel"].shape[-1] > 1000 else "short"
        for name, value in parts.items():
            sums[f"{kind} {name}"] = sums.get(f"{kind} {name}", 0.0) + value.item()
        sums[kind] = sums.get(kind, 0) + 1
        if step % 50 == 0 and rank == 0:
            means = [f"{name} {value / sums[name.split()[0]]:.3f}" for name, value in sums.items() if " " in name]
            print(f"{step} {elapsed:.0f}s lr {rate(step, spent.value):.5f} {' '.join(means)}", flush=True)
            sums = {}
        if now - saved > CHECKPOINT_SECONDS and rank == 0:
            save(checkpoint, model, optimizer, shape, step, elapsed)
            saved = now
    if rank == 0:
        save(checkpoint, model, optimizer, shape, step, elapsed)
    producer.terminate()
    distributed.destroy_process_group()


def weighted(parts: dict[str, Tensor], spent: float) -> Tensor:
    """The encoder's helpers count fully for half of the time, and a fifth at the end."""
    helper = min(1.0, max(0.2, 1 - 2 * (spent - 0.5)))
    encoder = parts["phonemes"] + parts["words"]
    return parts["text"] + helper * encoder + 2 * max(0.3, helper) * parts["guide"]


def guided_share(spent: float) -> float:
    """Share of windows whose guided heads are shown where to look: half of them at first, none in the last quarter."""
    return min(0.5, max(0.0, 2 * (0.75 - spent)))


def average(parameters: list[nn.Parameter], elapsed: float) -> float:
    """Every gradient becomes the processes' mean; so does `elapsed`, so that all of them stop at the same step."""
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([*(gradient.flatten() for gradient in gradients), torch.tensor([elapsed])])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    at = 0
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = flat[at : at + gradient.numel()].view_as(gradient)
        at += gradient.numel()
    return float(flat[-1])


def save(path: Path, model: nn.Module, optimizer: Any, shape: Shape, step: int, elapsed: float) -> None:
    """Written beside and renamed, so that a crash leaves the old one whole."""
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "shape": asdict(shape)}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state | {"step": step, "elapsed": elapsed}, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)
