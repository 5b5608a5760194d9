// Corrections of a JSON answer, in place: its words, its segments and its text always say the same.

import { spelled } from "./sdk/spelling.js";

/** Puts `text` in the place of the word at [segment, word]; several words share its time, no text removes it. */
export function correctWord(body, [segment, word], text) {
  const all = spelled(body);
  const old = all[segment].words[word];
  const blank = old.text.slice(0, old.text.length - old.word.length);
  const given = text.trim().split(/\s+/).filter(Boolean);
  const following = all[segment].words[word + 1];
  if (!given.length && following && !word) following.text = blank + following.word;
  all[segment].words.splice(word, 1, ...timed(given, old, blank));
  settle(body, all);
}

/** Everything that `from` says is said by `to` from then on, also where `to` speaks already. */
export function renameSpeaker(body, from, to) {
  for (const segment of body.segments) if (segment.speaker === from) attribute(segment, to);
  body.speakers = [...new Set(body.speakers.map((name) => (name === from ? to : name)))];
}

/** The segments at these indexes are said by `speaker`. */
export function giveTo(body, segments, speaker) {
  for (const index of segments) attribute(body.segments[index], speaker);
  const speaking = new Set(body.segments.map((segment) => segment.speaker));
  body.speakers = [...new Set([...body.speakers, speaker])].filter((name) => speaking.has(name));
}

function attribute(segment, speaker) {
  for (const part of [segment, ...segment.words]) part.speaker = speaker;
}

function timed(given, old, blank) {
  const total = given.reduce((sum, one) => sum + one.length, 0);
  let done = 0;
  return given.map((word, index) => {
    const start = old.start + ((old.end - old.start) * done) / total;
    done += word.length;
    const end = old.start + ((old.end - old.start) * done) / total;
    return { ...old, word, text: (index ? " " : blank) + word, start: hundredth(start), end: hundredth(end), confidence: 1 };
  });
}

const hundredth = (seconds) => Math.round(seconds * 100) / 100;

function settle(body, all) {
  const segments = body.segments.map((segment, index) => ({ ...segment, spoken: all[index].words }));
  const left = segments.filter(({ spoken }) => spoken.length);
  body.text = left.flatMap(({ spoken }) => spoken.map(({ text }) => text)).join("").trim();
  body.segments = left.map(({ spoken, ...segment }) => ({
    ...segment,
    start: spoken[0].start,
    end: spoken.at(-1).end,
    text: spoken.map(({ text }) => text).join("").trim(),
    words: spoken.map(({ text, at, ...word }) => word),
  }));
}
