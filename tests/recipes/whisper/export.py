"""From a checkpoint to a CTranslate2 model directory that faster-whisper opens."""

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import ctranslate2
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerFast, WhisperConfig, WhisperForConditionalGeneration

from .grammar import WORD_ID
from .model import FULL_VOCABULARY, MEL_BINS, TIMESTAMPS, Shape, TrainingWhisper
from .phonemes import phoneme_ids
from .tokenizer import END, FIRST_TIMESTAMP, START, SmallVocabulary, build_tokenizer, compact_json
from .windows import IGNORED, Corpus, Mel, WindowMaker, batch

LANGUAGE_IDS = list(range(50259, 50358))
SPACE = 220
MARGIN = 40.0  # how far below the best logit an unused token is to stay


def load_model(checkpoint: Path, vocabulary: SmallVocabulary) -> TrainingWhisper:
    """The trained model, for inference."""
    state = torch.load(checkpoint, weights_only=True)
    shape = Shape(**state["shape"])
    model = TrainingWhisper(shape, vocabulary.words_of, len(WORD_ID) + 1, len(phoneme_ids()) + 1)
    model.load_state_dict(state["model"])
    model.shape = shape  # type: ignore[assignment]
    return model.eval()


def unused_row(model: TrainingWhisper, vocabulary: SmallVocabulary, corpus: Path) -> Tensor:
    """One row for all tokens outside the small world, fitted to lose on hidden states of every kind of window."""
    maker, mel, hidden = WindowMaker(Corpus(corpus), vocabulary, seed=7), Mel(), []
    rng = random.Random(7)
    with torch.no_grad():
        rows = model.rows()
        for seconds, size in ((2.0, 16), (4.0, 16), (8.0, 12), (30.0, 4)) * 5:
            offset = rng.randrange(0, 1450 - round(seconds * 50) + 1, 5) if seconds < 20 and rng.random() < 0.3 else 0
            data = {k: torch.as_tensor(v) for k, v in batch(maker, mel, size, seconds, offset, 0.2).items()}
            states, _ = model.hidden(data["tokens"], model.encoder(data["mel"], offset), rows)
            hidden.append(states[data["labels"] != IGNORED])
        states = torch.cat(hidden)
        best = (states @ rows.T).max(1).values
    row = model.unused_row.detach().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([row], lr=0.05)
    for _ in range(400):
        loss = torch.relu(states @ row - (best - MARGIN)).mean() + 1e-4 * row.norm() ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    margin = best - states @ row.detach()
    print(f"unused row: margin {margin.min():.1f} at least, {margin.median():.1f} in the middle")
    return row.detach()


def transformers_model(
    model: TrainingWhisper, vocabulary: SmallVocabulary, unused: Tensor
) -> WhisperForConditionalGeneration:
    """The weights in transformers' own Whisper with the full vocabulary of 51,865."""
    shape: Shape = model.shape  # type: ignore[assignment]
    config = WhisperConfig(
        vocab_size=FULL_VOCABULARY,
        num_mel_bins=MEL_BINS,
        d_model=shape.width,
        encoder_layers=shape.encoder_layers,
        decoder_layers=shape.decoder_layers,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        encoder_ffn_dim=4 * shape.width,
        decoder_ffn_dim=4 * shape.width,
        max_source_positions=shape.frames,
        max_target_positions=shape.positions,
        bos_token_id=END,
        eos_token_id=END,
        pad_token_id=END,
        decoder_start_token_id=START,
        begin_suppress_tokens=[SPACE],
        suppress_tokens=None,
    )
    rows = unused.repeat(FULL_VOCABULARY, 1)
    small = model.rows().detach()
    rows[vocabulary.tokens] = small[: len(vocabulary.tokens)]
    rows[FIRST_TIMESTAMP : FIRST_TIMESTAMP + TIMESTAMPS] = small[len(vocabulary.tokens) :]
    weights = {
        f"model.{name}": value
        for name, value in model.state_dict().items()
        if name.startswith(("encoder.", "decoder."))
    }
    weights["model.decoder.embed_tokens.weight"] = weights["proj_out.weight"] = rows
    whisper = WhisperForConditionalGeneration(config)
    whisper.load_state_dict(weights, strict=True)
    return whisper.eval()


def export(checkpoint: Path, ranks: Path, corpus: Path, target: Path) -> int:
    """Write model.bin, its configuration, tokenizer, vocabulary and preprocessor settings; returns their bytes."""
    torch.set_num_threads(1)
    tokenizer = build_tokenizer(ranks)
    vocabulary = SmallVocabulary(tokenizer)
    model = load_model(checkpoint, vocabulary)
    whisper = transformers_model(model, vocabulary, unused_row(model, vocabulary, corpus))
    with tempfile.TemporaryDirectory() as folder:
        whisper.save_pretrained(folder)
        _wrapped(tokenizer).save_pretrained(folder)
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps(_preprocessor()))
        converter = ctranslate2.converters.TransformersConverter(folder)
        converter.convert(str(target), quantization="int8", force=True)
    (target / "tokenizer.json").write_text(compact_json(tokenizer), encoding="utf-8")
    vocabulary_file = target / "vocabulary.json"
    tokens = json.loads(vocabulary_file.read_text(encoding="utf-8"))
    vocabulary_file.write_text(json.dumps(tokens, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    (target / "preprocessor_config.json").write_text(json.dumps(_preprocessor(), indent=2) + "\n")
    config = json.loads((target / "config.json").read_text())
    guided = [[layer, 0] for layer in range(1, model.shape.decoder_layers)]  # type: ignore[union-attr]
    config |= {
        "lang_ids": LANGUAGE_IDS,
        "suppress_ids": [],
        "suppress_ids_begin": [SPACE],
        "alignment_heads": guided,
    }
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    size = sum(file.stat().st_size for file in target.iterdir() if file.suffix in {".bin", ".json"})
    print(f"exported {size / 1e6:.2f} MB to {target}")
    return size


def _wrapped(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=end, bos_token=end, eos_token=end, pad_token=end
    )


def _preprocessor() -> dict[str, Any]:
    return {
        "chunk_length": 30,
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": MEL_BINS,
        "hop_length": 160,
        "n_fft": 400,
        "n_samples": 480_000,
        "nb_max_frames": 3000,
        "processor_class": "WhisperProcessor",
        "sampling_rate": 16_000,
    }
