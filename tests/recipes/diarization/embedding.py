"""Trains the speaker embedding on conversations, each person's frames picked by a mask, as the pipeline uses it.

A small WeSpeaker ResNet with additive angular margin softmax over the people of the corpus (Deng et al., "ArcFace",
2019).
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pyannote.audio.core.task import Problem, Resolution, Specifications
from torch.nn import functional

from stt_ai.models.small_wespeaker import SmallWeSpeaker

from ..whisper.voices import SAMPLE_RATE
from .checkpoint import save
from .conversation import Style, converse, draw_people, excerpt
from .corpus import Person, load

SECONDS = 5.0
SPEAKERS = 3
FRAMES = 100  # of a mask, a second
SHORTEST = 0.6  # seconds of a person alone that are worth an embedding
NOBODY = -1
RATE = 3e-3
MARGIN, SCALE = 0.2, 24.0
SHARE_PUBLISHED = 0.5


class Batches:
    """Draws chunks with, for each of up to three people, the frames in which they speak alone."""

    def __init__(self, pools: Sequence[Sequence[Person]], seed: int) -> None:
        self._pools = pools
        self._rng = np.random.default_rng(seed)
        names = dict.fromkeys(person.speaker.identity for pool in pools for person in pool)
        self.who = {name: index for index, name in enumerate(names)}

    def draw(self, count: int, seconds: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Waves (count, 1, samples), masks (count, 3, frames), and (count, 3) who it is or NOBODY."""
        rng, frames = self._rng, round(seconds * FRAMES)
        waves = np.zeros((count, 1, round(seconds * SAMPLE_RATE)), np.float32)
        masks = np.zeros((count, SPEAKERS, frames), np.float32)
        who = np.full((count, SPEAKERS), NOBODY)
        for index in range(count):
            pool = self._pools[0] if rng.random() < SHARE_PUBLISHED else self._pools[-1]
            people = draw_people(pool, rng.choice((1, 2, 3), p=(0.3, 0.5, 0.2)), rng)
            chunk = excerpt(converse(people, seconds, rng, TALK), seconds)
            waves[index, 0] = chunk.wave
            speaking = np.zeros((len(people), frames), np.float32)
            for turn in chunk.turns:
                start, end = np.array([turn.start, turn.end]) + rng.normal(0, 0.03, 2)  # as segmentation errs
                speaking[turn.person, max(0, int(start * FRAMES)) : max(0, int(end * FRAMES))] = 1
            speaking *= speaking.sum(0, keepdims=True) < 2
            for person, mask in enumerate(speaking):
                if mask.sum() >= SHORTEST * FRAMES:
                    masks[index, person], who[index, person] = mask, self.who[people[person].speaker.identity]
        return torch.from_numpy(waves), torch.from_numpy(masks), torch.from_numpy(who)


TALK = Style(overlap=0.15, spoiled=0.7, amid=1.0)


class MarginSoftmax(torch.nn.Module):
    """Embeddings (n, dimension) and classes (n,) -> loss with an additive angular margin, and the share right."""

    def __init__(self, dimension: int, classes: int) -> None:
        super().__init__()
        self.centres = torch.nn.Parameter(torch.randn(classes, dimension) * 0.1)

    def forward(self, embeddings: torch.Tensor, who: torch.Tensor, margin: float) -> tuple[torch.Tensor, torch.Tensor]:
        cosines = functional.linear(functional.normalize(embeddings), functional.normalize(self.centres))
        cosines = cosines.clamp(-0.9999, 0.9999)
        own = functional.one_hot(who, cosines.shape[1]).bool()
        logits = SCALE * torch.where(own, torch.cos(torch.acos(cosines) + margin), cosines)
        return functional.cross_entropy(logits, who), (cosines.argmax(1) == who).float().mean()


def train(corpus: Path, target: Path, minutes: float) -> None:
    """Train for so many minutes of processor time and write the checkpoint."""
    torch.manual_seed(0)
    everybody = load(corpus, "train")
    pools = [[p for p in everybody if p.speaker.published], [p for p in everybody if not p.speaker.published]]
    examined = [load(corpus, "published-development"), load(corpus, "development")]
    model = SmallWeSpeaker()
    model.specifications = Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=SECONDS)
    batches = Batches(pools, 0)
    softmax = MarginSoftmax(model.dimension, len(batches.who))
    optimizer = torch.optim.AdamW([*model.parameters(), *softmax.parameters()], lr=RATE, weight_decay=1e-4)
    started, step = time.process_time(), 0
    while (done := (time.process_time() - started) / 60 / minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 30) * (0.02 + 0.49 * (1 + np.cos(np.pi * done)))
        waves, masks, who = batches.draw(32, SECONDS)
        model.train()
        known = who != NOBODY
        loss, right = softmax(embed(model, waves, masks)[known], who[known], MARGIN * min(1, 3 * done))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            rates = [equal_error_rate(*embeddings(model, [some], 96, SECONDS)) for some in examined if step % 200 == 0]
            shown = ", ".join(f"{rate:.1%}" for rate in rates)
            print(f"embedding: {done:.0%}, step {step}, loss {loss.item():.2f}, right {right:.2f} {shown}", flush=True)
    save(model, target / "embedding", step)
    for seconds in (5.0, 10.0):
        rates = [equal_error_rate(*embeddings(model, [people], 192, seconds)) for people in examined]
        print(
            f"embedding: {step} steps; equal error rate at {seconds:.0f} s: published voices {rates[0]:.1%}, "
            f"unheard voices {rates[1]:.1%}",
            flush=True,
        )


def embed(model: SmallWeSpeaker, waves: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Embeddings (batch, speakers, dimension)."""
    frames = model.resnet.forward_frames(model.compute_fbank(waves))
    if model.training:
        return model.resnet.seg_1(_pooled(frames, masks))
    return model.resnet.forward_embedding(frames, weights=masks)[1]


def embeddings(
    model: SmallWeSpeaker, pools: Sequence[Sequence[Person]], chunks: int, seconds: float, seed: int = 7
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Embeddings (n, dimension) of people in so many chunks, and (n,) who each is."""
    model.eval()
    batches, found, names = Batches(pools, seed), [], []
    with torch.inference_mode():
        for _ in range(chunks // 16):
            waves, masks, who = batches.draw(16, seconds)
            known = who != NOBODY
            found.append(embed(model, waves, masks)[known].numpy())
            names.append(who[known].numpy())
    return np.concatenate(found), np.concatenate(names)


def equal_error_rate(found: NDArray[np.float32], who: NDArray[np.int64]) -> float:
    """Where as many pairs of one person are taken for two as pairs of two for one."""
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    pairs = np.triu_indices(len(who), 1)
    scores, same = (unit @ unit.T)[pairs], (who[:, None] == who[None])[pairs]
    order = np.argsort(scores)
    refused = np.cumsum(same[order]) / same.sum()
    accepted = 1 - np.cumsum(~same[order]) / (~same).sum()
    best = np.argmin(np.abs(refused - accepted))
    return float(refused[best] + accepted[best]) / 2


def _pooled(frames: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Weighted mean and deviation as pyannote's StatsPool has them, but with finite gradients where nobody speaks."""
    masks = functional.interpolate(masks, size=frames.shape[-1], mode="nearest")[:, :, None]
    frames = frames.flatten(1, 2)[:, None]
    total = masks.sum(-1) + 1e-8
    mean = (frames * masks).sum(-1) / total
    deviation = ((frames - mean[..., None]).square() * masks).sum(-1)
    variance = deviation / (total - masks.square().sum(-1) / total + 1e-8)
    return torch.cat([mean, variance.clamp(min=1e-6).sqrt()], -1)
