"""The test conversations under tests/data/conversations: who says which word, and when.

Two or three published voices of one language say sentences that no training used.
`python -m tests.recipes.diarization fixtures` writes them anew.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..whisper.fixtures import encode
from .conversation import Conversation, Style, converse, draw_people
from .corpus import Person
from .speakers import held_out_speech, published

CONVERSATIONS = 14
SENTENCES = 24


def make_fixtures(folder: Path) -> None:
    """Write every file and manifest.json."""
    rng = np.random.default_rng(20)
    people = [Person(speaker, held_out_speech(speaker, SENTENCES, "conversations")) for speaker in published()]
    entries = []
    for index in range(CONVERSATIONS):
        language = "es" if index % 3 == 2 else "en"
        count = 2 + index % 2
        pool = [person for person in people if person.speaker.voice.language == language]
        chosen = draw_people(pool, count, rng)
        conversation = converse(chosen, rng.uniform(30, 42), rng, Style(overlap=0.1, spoiled=float(index % 4 == 3)))
        path = folder / f"{language}_{count}_voices_{index:02d}.opus"
        encode(path, conversation.wave)
        entries.append({"file": path.name, "language": language} | _entry(conversation, chosen))
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    (folder / "manifest.json").write_text('{"files": [\n' + lines + "\n]}\n", encoding="utf-8")
    print(f"fixtures: {len(entries)} files, {sum(f.stat().st_size for f in folder.iterdir()) / 1e6:.1f} MB")


def _entry(conversation: Conversation, people: list[Person]) -> dict[str, Any]:
    """People are numbered by first speech, as the service numbers them."""
    order = list(dict.fromkeys(word.person for word in conversation.words))
    names = {person: f"Speaker {number}" for number, person in enumerate(order, start=1)}
    return {
        "voices": {names[person]: people[person].speaker.label for person in order},
        "duration": round(conversation.seconds, 3),
        "text": " ".join(word.word for word in conversation.words),
        "turns": [
            {"start": round(t.start, 3), "end": round(t.end, 3), "speaker": names[t.person]} for t in conversation.turns
        ],
        "words": [
            {"word": w.word, "start": round(w.start, 3), "end": round(w.end, 3), "speaker": names[w.person]}
            for w in conversation.words
        ],
    }
