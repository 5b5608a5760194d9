// A transcript as paragraphs that read well.

import { spelled } from "./sdk/spelling.js";

const LONG = 600; // characters of a paragraph, after which a new one begins
const PAUSE = 3; // seconds

/** Paragraphs {speaker, words, continued}: one voice each, none too long. */
export function turns(body) {
  const all = [];
  let size = 0;
  for (const segment of spelled(body)) {
    const last = all.at(-1);
    const same = last && last.speaker === segment.speaker;
    const pause = last && segment.words[0]?.start - last.words.at(-1).end >= PAUSE;
    if (same && size < LONG && !pause) last.words.push(...segment.words);
    else if (segment.words.length) {
      all.push({ speaker: segment.speaker, words: [...segment.words], continued: Boolean(same && segment.speaker) });
      size = 0;
    }
    size += segment.words.reduce((sum, word) => sum + word.text.length, 0);
  }
  return all;
}

/** The last index at which `starts` is not after `time`; -1 before the first. */
export function latest(starts, time) {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
