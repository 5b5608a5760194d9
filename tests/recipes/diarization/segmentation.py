"""Trains the segmentation model: who of at most three speaks in each frame of 10 s, two at once at most.

PyanNet (Bredin, "pyannote.audio 2.1 speaker diarization pipeline", 2023) with the powerset loss (Plaquet and Bredin,
"Powerset multi-class cross entropy loss for neural speaker diarization", 2023), small. Permutation-free training of so
small a model sits on a plateau; an auxiliary target gives it a gradient: in each frame in which one person speaks, that
person's signature (see `signatures`), with a weight that falls from 1 to 0. Once it has left the plateau it is trained
on with another: who the person is, of all people of the corpus. The sinc filters stay at their mel start: their
gradient is most of the cost of a step.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.segmentation import PyanNet
from pyannote.audio.utils.loss import nll_loss
from pyannote.audio.utils.permutation import permutate
from pyannote.audio.utils.powerset import Powerset
from torch.nn import functional

from ..whisper.voices import SAMPLE_RATE
from .checkpoint import save
from .conversation import NATURAL, TRAINING, TRAINING_ON, Style, converse, draw_people, excerpt
from .corpus import Person, load

SECONDS = 10.0
SPEAKERS = 3
AT_ONCE = 2
SIGNATURE = 12
IDENTITY = 0.5
NOBODY = -100
RATE = 2e-3
SHARE_PUBLISHED = (0.6, 0.9)  # while chunks are short, and when they are long
SHARE_ONE_LANGUAGE = 0.9
SAVED_EVERY = 200.0  # seconds of processor time


class Batches:
    """Draws chunks of conversations with the target of each frame."""

    def __init__(self, pools: Sequence[Sequence[Person]], model: PyanNet, seed: int, style: Style) -> None:
        self._pools = pools
        self._model, self._style = model, style
        self.share_published = SHARE_PUBLISHED[0]
        self._rng = np.random.default_rng(seed)
        self._index = {id(person): index for index, person in enumerate(p for pool in pools for p in pool)}

    def draw(self, count: int, seconds: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Waves (count, 1, samples), targets (count, frames, 3), and in (count, frames) who speaks alone or NOBODY."""
        rng, field = self._rng, self._model.receptive_field
        frames = self._model.num_frames(round(seconds * SAMPLE_RATE))
        waves = np.zeros((count, 1, round(seconds * SAMPLE_RATE)), np.float32)
        targets = np.zeros((count, frames, SPEAKERS), np.float32)
        alone = np.full((count, frames), NOBODY)
        for index in range(count):
            if rng.random() < 0.03:
                waves[index, 0] = rng.standard_normal(waves.shape[2]) * 10 ** rng.uniform(-4.5, -2)
                continue
            people = draw_people(self._pool(), rng.choice((1, 2, 3), p=(0.2, 0.45, 0.35)), rng)
            chunk = excerpt(converse(people, seconds, rng, self._style), seconds)
            waves[index, 0] = chunk.wave
            for turn in chunk.turns:
                first = max(0, round((turn.start - field.duration / 2) / field.step))
                last = round((turn.end - field.duration / 2) / field.step)
                targets[index, first : last + 1, turn.person] = 1
            single = targets[index].sum(1) == 1
            who = np.array([self._index[id(person)] for person in people] + [NOBODY] * (SPEAKERS - len(people)))
            alone[index][single] = who[targets[index].argmax(1)][single]
        return torch.from_numpy(waves), torch.from_numpy(targets), torch.from_numpy(alone)

    def _pool(self) -> Sequence[Person]:
        """Mostly people of one language, as who talk with each other are: they are harder to tell apart."""
        rng = self._rng
        pool = self._pools[0] if rng.random() < self.share_published else self._pools[-1]
        if rng.random() >= SHARE_ONE_LANGUAGE:
            return pool
        language = pool[rng.integers(len(pool))].speaker.voice.language
        return [person for person in pool if person.speaker.voice.language == language]


def train(corpus: Path, target: Path, minutes: float, *, on: bool = False) -> None:
    """Train for so many minutes of processor time and write the checkpoint, every few minutes too.

    A new model, in chunks of 5 s for the first half of the time; or, with ``on``, the one that is there, in chunks of
    10 s.
    """
    torch.manual_seed(0)
    everybody = load(corpus, "train")
    pools = [[p for p in everybody if p.speaker.published], [p for p in everybody if not p.speaker.published]]
    people = [person for pool in pools for person in pool]
    model = _untrained()
    if on:
        weights = torch.load(target / "segmentation" / "pytorch_model.bin", weights_only=False)["state_dict"]
        model.load_state_dict(weights)
    batches = Batches(pools, model, 3 if on else 0, TRAINING_ON if on else TRAINING)
    examination = Batches([load(corpus, "published-development")], model, 1, NATURAL).draw(128, SECONDS)
    size = 2 * model.hparams.lstm["hidden_size"]
    auxiliary = IdentityLoss(people, size) if on else SignatureLoss(people, size)
    outputs: dict[str, torch.Tensor] = {}
    model.lstm.register_forward_hook(lambda _module, _inputs, output: outputs.update(lstm=output[0]))
    powerset = Powerset(SPEAKERS, AT_ONCE)
    optimizer = torch.optim.AdamW(
        [p for p in (*model.parameters(), *auxiliary.parameters()) if p.requires_grad], lr=RATE, weight_decay=1e-4
    )
    started, step, saved = time.process_time(), 0, 0.0
    while (done := (time.process_time() - started) / 60 / minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 20) * (0.02 + 0.49 * (1 + np.cos(np.pi * done)))
        short = done < 0.5 and not on
        batches.share_published = SHARE_PUBLISHED[0 if short else 1]
        waves, targets, alone = batches.draw(*((32, 5.0) if short else (16, SECONDS)))
        model.train()
        loss, _, _ = _loss(model, powerset, waves, targets)
        speaking = alone != NOBODY
        aside = auxiliary(outputs["lstm"][speaking], alone[speaking])
        optimizer.zero_grad()
        (loss + (1 - done) * aside).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            print(f"segmentation: {done:.0%}, step {step}, loss {loss.item():.3f}, {aside.item():.2f}", flush=True)
        if time.process_time() - started - saved > SAVED_EVERY:
            saved = time.process_time() - started
            save(model, target / "segmentation", step)
            print(f"segmentation: step {step}, {_examined(model, powerset, examination)}", flush=True)
    save(model, target / "segmentation", step)
    print(f"segmentation: {step} steps; {_examined(model, powerset, examination)}", flush=True)


class SignatureLoss(torch.nn.Module):
    """States (n, size) and people (n,) -> squared error of the people's signatures guessed from the states."""

    def __init__(self, people: Sequence[Person], size: int) -> None:
        super().__init__()
        self._known = signatures(people)
        self.guess = torch.nn.Linear(size, SIGNATURE)

    def forward(self, states: torch.Tensor, who: torch.Tensor) -> torch.Tensor:
        return (self.guess(states) - self._known[who]).square().mean()


class IdentityLoss(torch.nn.Module):
    """States (n, size) and people (n,) -> cross entropy of who of all people it is."""

    def __init__(self, people: Sequence[Person], size: int) -> None:
        super().__init__()
        names = list(dict.fromkeys(person.speaker.identity for person in people))
        self._names = torch.tensor([names.index(person.speaker.identity) for person in people])
        self.guess = torch.nn.Linear(size, len(names))

    def forward(self, states: torch.Tensor, who: torch.Tensor) -> torch.Tensor:
        return IDENTITY * functional.cross_entropy(self.guess(states), self._names[who])


def signatures(people: Sequence[Person]) -> torch.Tensor:
    """(people, 12): mean and deviation of each person's log-mel spectrum and their pitch, whitened."""
    raw = torch.stack([_signature(person) for person in people])
    raw = (raw - raw.mean(0)) / (raw.std(0) + 1e-6)
    raw[:, -2] *= 4  # the pitch
    u, _, _ = torch.linalg.svd(raw, full_matrices=False)
    return (u[:, :SIGNATURE] * len(raw) ** 0.5).clamp(-3, 3)


def _signature(person: Person) -> torch.Tensor:
    mel = torchaudio.transforms.MelSpectrogram(SAMPLE_RATE, 512, hop_length=160, n_mels=40)
    spectra, pitches = [], []
    for said in person.all()[:8]:
        wave = torch.from_numpy(said.samples.astype(np.float32))
        spectrum = torch.log(mel(wave) + 1e-6)
        loudness = spectrum.mean(0)
        spectra.append(spectrum[:, loudness > loudness.max() - 4])
        frames = wave[: len(wave) // 640 * 640].reshape(-1, 640)
        frames = frames[frames.square().mean(1).argsort()[-20:]]
        frames = frames - frames.mean(1, keepdim=True)
        correlation = torch.fft.irfft(torch.fft.rfft(frames, 2048).abs() ** 2)[:, 40:267]  # 60 to 400 Hz
        pitches.append(torch.log(SAMPLE_RATE / (40.0 + correlation.argmax(1))))
    spectrum, pitch = torch.cat(spectra, 1), torch.cat(pitches)
    spectrum = spectrum - spectrum.mean()
    return torch.cat([spectrum.mean(1), spectrum.std(1), pitch.median()[None] * 3, pitch.std()[None]])


def _untrained() -> PyanNet:
    model = PyanNet(
        sincnet={"stride": 20},
        lstm={"hidden_size": 64, "num_layers": 2, "bidirectional": True},
        linear={"hidden_size": 64, "num_layers": 1},
    )
    model.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=SECONDS,
        min_duration=SECONDS,
        classes=[f"speaker#{index + 1}" for index in range(SPEAKERS)],
        powerset_max_classes=AT_ONCE,
        permutation_invariant=True,
    )
    model.build()
    for part in (model.sincnet.wav_norm1d, model.sincnet.conv1d[0]):
        part.requires_grad_(False)
    return model


def _loss(model: PyanNet, powerset: Powerset, waves: torch.Tensor, targets: torch.Tensor) -> tuple[Any, Any, Any]:
    """Loss under the best permutation, who speaks by the model, and who does, permuted to it."""
    scores = model(waves)
    predicted = powerset.to_multilabel(scores)
    permuted, _ = permutate(predicted, targets)
    return nll_loss(scores, powerset.to_powerset(permuted.float()).argmax(-1)), predicted, permuted


def _examined(model: PyanNet, powerset: Powerset, examination: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> str:
    """Error rate over chunks of people unheard or with new sentences: false alarm, miss and confusion."""
    model.eval()
    with torch.inference_mode():
        _, predicted, truth = _loss(model, powerset, examination[0], examination[1])
    said, spoken = predicted.sum(-1), truth.sum(-1)
    alarm, miss = (said - spoken).clamp(min=0).sum(), (spoken - said).clamp(min=0).sum()
    confusion = (torch.minimum(said, spoken) - (predicted * truth).sum(-1)).sum()
    total = spoken.sum() / 100
    rates = [float(value / total) for value in (alarm + miss + confusion, alarm, miss, confusion)]
    return "error {:.1f} % (false alarm {:.1f}, miss {:.1f}, confusion {:.1f})".format(*rates)
