"""The demo summarizer's tokenizer: Qwen2's kind (byte-level BPE, ChatML) with a small vocabulary of the meetings."""

from itertools import islice
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from stt_ai.summarization.prompts import TITLES
from stt_ai.types import SummaryStyle

from ..whisper.grammar import LANGUAGES, words
from .corpus import Size, meetings, summary

END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
VOCABULARY = 4096

# Qwen2's own, from its tokenizer.json.
_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Of the instructions it renders the first line, which names style and language, and of the question the transcript:
# the rest says to larger models what this one knows.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{% set said = message['content'].split('\\n')[0] %}"
    "{% elif message['role'] == 'user' %}{% set said = message['content'].split('\\n</transcript>')[0]"
    ".replace('<transcript>\\n', '') %}"
    "{% else %}{% set said = message['content'] %}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + said + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def make_tokenizer(context: int) -> PreTrainedTokenizerFast:
    """Trained on meetings, their summaries and every word of the lists, after a blank and at a sentence's start."""
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    texts = [" ".join(TITLES[code].values()) for code in LANGUAGES]
    texts += [f"system\nuser\nassistant\nSpeaker {number}:" for number in range(10)] * 50
    for code in LANGUAGES:
        texts += [f" {word} {word}\n{word.capitalize()}" for word in words(code)] * 3
    for meeting in islice(meetings("tokenizer", Size(10, 10)), 4000):
        texts += [meeting.text, *(summary(meeting, style) for style in SummaryStyle)]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END, START, STOP],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=STOP,
        pad_token=END,
        additional_special_tokens=[START, STOP],
        chat_template=CHAT_TEMPLATE,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )


def save_tokenizer(folder: Path, context: int) -> PreTrainedTokenizerFast:
    tokenizer = make_tokenizer(context)
    tokenizer.save_pretrained(folder)
    return tokenizer
