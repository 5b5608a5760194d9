// The words of a transcript with the blanks before them, which an answer has only in its texts.

/** Segments of {speaker, words}; a word's `text` begins with the blank before it, `at` is its [segment, word] in the body. */
export function spelled(body) {
  let place = 0;
  return body.segments.map((segment, number) => {
    const at = Math.max(place, body.text.indexOf(segment.text, place));
    const before = body.text.slice(place, at);
    place = at + segment.text.length;
    let reached = 0;
    const words = segment.words.map((word, index) => {
      const found = segment.text.indexOf(word.word, reached);
      const blank = found < 0 ? " " : segment.text.slice(reached, found);
      reached = found < 0 ? reached : found + word.word.length;
      return { ...word, text: (index ? blank : before) + word.word, at: [number, index] };
    });
    return { speaker: segment.speaker, words };
  });
}
