"""Trains a small Qwen2 to summarize the meetings: short ones first, so that copying is learnt before choosing is."""

import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from stt_ai.summarization.prompts import prompt
from stt_ai.types import SummaryStyle

from .corpus import MeetingMaker, Size, summary
from .tokenizer import END, STOP, save_tokenizer

CONTEXT = 448
WIDTH, LAYERS, HEADS, INNER = 128, 4, 4, 384
BATCH_TOKENS = 2048
RATE, WARM_UP = 2e-3, 100
SHARPNESS, MATCH, SLOW = 8.0, 3.0, 0.01
IGNORED = -100

Example = tuple[list[int], int]
"""The tokens of question and answer, and where the answer begins."""


def train(folder: Path, minutes: float, seed: int = 0) -> None:
    """Trains for so many ``minutes`` of one processor's time and writes the model and its tokenizer into ``folder``."""
    torch.manual_seed(seed)
    tokenizer = save_tokenizer(folder, CONTEXT)
    model = new_model(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.01)
    rng = random.Random(f"train {seed}")
    batches, step, seen = _batches(tokenizer, rng, lambda: _progress(began, minutes)), 0, 0
    began, mean = time.process_time(), 0.0
    while (done := _progress(began, minutes)) < 1.0:
        tokens, labels = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / WARM_UP) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * done)))
        loss = answer_loss(model, tokens, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, seen = step + 1, seen + tokens.numel()
        mean = loss.item() if step == 1 else 0.98 * mean + 0.02 * loss.item()
        if step % 50 == 0:
            print(
                f"step {step}, {done:.0%}, {seen / 1e6:.2f} M tokens, loss {mean:.3f} ({loss.item():.3f})", flush=True
            )
        if step % 500 == 0:
            save(model, folder)
    save(model, folder)


def new_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """With tied embeddings, and begun so that it is about to copy."""
    stop, end = tokenizer.convert_tokens_to_ids([STOP, END])
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=stop,
        pad_token_id=end,
        initializer_range=0.05,
    )
    model = Qwen2ForCausalLM(config)
    model.generation_config.do_sample = False
    with torch.no_grad():
        _prepare_to_copy(model)
    return model


def _prepare_to_copy(model: Qwen2ForCausalLM) -> None:
    """Induction heads from the start (Olsson et al., 2022): what they would learn first, and that takes longest.

    Every layer's queries and keys begin alike and its values come out as they went in, so that like attends to like
    and copies it (Trockman and Kolter, 2023, Mimetic Initialization of Self-Attention Layers). Two heads of the first
    layer attend to the last token and the one before it, by their biases; two of the second look for where the same
    token, or the same one before it, stood earlier, and bring what followed.
    """
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    for layer in model.model.layers:
        layer.self_attn.k_proj.weight.copy_(layer.self_attn.q_proj.weight)
        layer.self_attn.o_proj.weight.copy_(0.3 * layer.self_attn.v_proj.weight.T)
        layer.mlp.down_proj.weight *= 0.3
    model.model.embed_tokens.weight *= 3  # or what the layers write would hide which token it is
    size = WIDTH // HEADS
    slow = model.model.rotary_emb.inv_freq < SLOW  # what turns faster encodes where and not what
    slow = torch.cat([slow, slow])[:, None]
    seen = nn.init.orthogonal_(torch.empty(size, WIDTH))
    written = [nn.init.orthogonal_(torch.empty(WIDTH, size)) for _ in range(2)]
    for head in range(2):
        rows = slice(head * size, (head + 1) * size)
        _look_back(model, rows, 1 + head)
        first.v_proj.weight[rows] = 0.15 * seen
        first.o_proj.weight[:, rows] = written[head]
        second.k_proj.weight[rows] = MATCH * slow * written[head].T
        second.q_proj.weight[rows] = MATCH * slow * (written[0].T if head else seen)


def _look_back(model: Qwen2ForCausalLM, rows: slice, distance: int) -> None:
    """Lets a head of the first layer attend to the token ``distance`` before: its rotary positions do the rest."""
    attention, speeds = model.model.layers[0].self_attn, model.model.rotary_emb.inv_freq
    strength = SHARPNESS * (speeds >= SLOW)
    attention.q_proj.weight[rows] *= 0.1
    attention.k_proj.weight[rows] *= 0.1
    attention.q_proj.bias[rows] = torch.cat(
        [strength * (distance * speeds).cos(), -strength * (distance * speeds).sin()]
    )
    attention.k_proj.bias[rows] = torch.cat([strength, torch.zeros_like(speeds)])


def answer_loss(model: Qwen2ForCausalLM, tokens: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the answers' tokens alone; the others' logits are never made. Both (batch, time)."""
    hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    answered = wanted != IGNORED
    return nn.functional.cross_entropy(model.lm_head(hidden[answered]), wanted[answered])


def save(model: Qwen2ForCausalLM, folder: Path) -> None:
    """Half precision, as larger models are kept."""
    half = Qwen2ForCausalLM(model.config)
    half.load_state_dict(model.state_dict())
    half.generation_config = model.generation_config
    half.to(torch.bfloat16).save_pretrained(folder)


def _progress(began: float, minutes: float) -> float:
    return (time.process_time() - began) / 60 / minutes


def _size(done: float) -> Size:
    """How large meetings may be when so much of the training is done."""
    grown = min(1.0, done / 0.4)
    return Size(facts=2 + round(10 * grown), talk=1 + round(11 * grown))


def _batches(
    tokenizer: PreTrainedTokenizerFast, rng: random.Random, progress: "object"
) -> Iterator[tuple[Tensor, Tensor]]:
    maker = MeetingMaker(rng)
    while True:
        size = _size(progress())  # type: ignore[operator]
        examples = sorted((_example(tokenizer, maker, rng, size) for _ in range(256)), key=lambda e: len(e[0]))
        groups: list[list[Example]] = [[]]
        for example in examples:
            if (len(groups[-1]) + 1) * len(example[0]) > BATCH_TOKENS:
                groups.append([])
            groups[-1].append(example)
        rng.shuffle(groups)
        for group in groups:
            yield _padded(group, tokenizer.pad_token_id)


def _example(tokenizer: PreTrainedTokenizerFast, maker: MeetingMaker, rng: random.Random, size: Size) -> Example:
    style = rng.choice(list(SummaryStyle))
    if style is SummaryStyle.BRIEF and rng.random() < 0.3:  # as the summaries of many parts
        size = Size(2 * size.facts, 0, 2)
    meeting = maker.meeting(size)
    asked = question(tokenizer, meeting.text, style, meeting.language)
    answer = tokenizer(f"{summary(meeting, style)}{STOP}", add_special_tokens=False)["input_ids"]
    return asked + answer, len(asked)


def question(tokenizer: PreTrainedTokenizerFast, text: str, style: SummaryStyle, language: str) -> list[int]:
    """The tokens of the question as the service puts it."""
    asked = prompt(text, style, language)
    messages = [{"role": "system", "content": asked.system}, {"role": "user", "content": asked.user}]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return list(tokenizer(rendered, add_special_tokens=False)["input_ids"])


def _padded(group: list[Example], pad: int) -> tuple[Tensor, Tensor]:
    longest = max(len(tokens) for tokens, _ in group)
    tokens = torch.full((len(group), longest), pad)
    labels = torch.full((len(group), longest), IGNORED)
    for row, (example, answer) in enumerate(group):
        tokens[row, : len(example)] = torch.tensor(example)
        labels[row, answer : len(example)] = torch.tensor(example[answer:])
    return tokens, labels
