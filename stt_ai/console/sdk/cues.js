// Cuts words into subtitle cues that fit a screen, as the service does (stt_ai/captions/cues.py says why).

import { readingSeconds } from "./pacing.js";
import { cells, combines, mayBreak } from "./scripts.js";

const MAX_SECONDS = 7;
const MIN_MS = 200;
const FRAME_MS = 40;
const PAUSE_SECONDS = 2;

const SENTENCE_END = /[.!?…。！？۔।]$/u;
const CLAUSE_END = /[,;:–—、，；：،]$/u;
const NUMBER = /^\p{Nd}+$/u;
const BLANK = /[\s\x1c-\x1f\x85]/; // eslint-disable-line no-control-regex
const BLANKS = new RegExp(`${BLANK.source}+`);

/** Text without control characters. */
export function clean(text) {
  return [...text].filter((c) => c !== "\ufeff" && (BLANK.test(c) || !/\p{Cc}/u.test(c))).join("");
}

export const split = (text) => text.split(BLANKS).filter(Boolean);

/** Tokens {characters, spaced, start, end}: text that no line break divides. */
export function tokensOf(words, width) {
  const joined = [];
  for (const run of runs(words.flatMap(pieces))) {
    const characters = run.flatMap((piece) => piece.characters);
    let position = 0;
    for (const piece of run) {
      const [last, length] = [joined.at(-1), piece.characters.length];
      if (position && !mayBreak(characters, position)) {
        last.characters.push(...piece.characters);
        last.end = Math.max(last.end, piece.end);
      } else joined.push(piece);
      position += length;
    }
  }
  return joined.flatMap((token) => splitLong(token, width));
}

/** Tokens cue by cue; `prefix` cells are taken on each first line. `options`: {lineWidth, lines, wordsPerCue}. */
export function group(tokens, prefix, options) {
  const groups = [];
  for (let first = 0; first < tokens.length; ) {
    let count = capacity(tokens, first, prefix, options);
    if (first + count < tokens.length) count = bestCut(tokens, first, count);
    while (count > 1 && endsInNumber(layout(tokens.slice(first, first + count), prefix, options.lineWidth))) count--;
    groups.push(tokens.slice(first, first + count));
    first += count;
  }
  return groups;
}

export function toCue(tokens, speaker, prefix, { lineWidth }) {
  const end = Math.max(...tokens.map((token) => token.end));
  return { lines: layout(tokens, prefix, lineWidth), start: ms(tokens[0].start), end: ms(end), speaker };
}

/** Times that never overlap or run backwards, none longer than the limit or, if avoidable, too short to be read. */
export function settleTimes(cues, duration) {
  const starts = [];
  for (const cue of cues) starts.push(starts.length ? Math.max(cue.start, starts.at(-1) + FRAME_MS) : cue.start);
  return cues.map((cue, index) => {
    const start = starts[index];
    let end = Math.min(Math.max(cue.end, start + minMs(cue)), start + MAX_SECONDS * 1000);
    if (index + 1 < cues.length) end = Math.min(end, starts[index + 1]);
    else if (start < ms(duration)) end = Math.min(end, ms(duration));
    return { ...cue, start, end };
  });
}

function minMs(cue) {
  return Math.max(MIN_MS, ms(readingSeconds(cue.lines.reduce((sum, line) => sum + cells([...line]), 0))));
}

// One line if they fit, else two of about the same length, or more that are as full as they can be.
function layout(tokens, prefix, limit) {
  if (prefix + width(tokens) <= limit) return [spell(tokens)];
  let [best, smallest] = [0, Infinity];
  for (let cut = 1; cut < tokens.length; cut++) {
    const [first, second] = [prefix + width(tokens.slice(0, cut)), width(tokens.slice(cut))];
    const unevenness = Math.abs(first - second) - (ends(tokens[cut - 1], SENTENCE_END) || ends(tokens[cut - 1], CLAUSE_END) ? 8 : 0);
    if (first <= limit && second <= limit && unevenness < smallest) [best, smallest] = [cut, unevenness];
  }
  if (best) return [spell(tokens.slice(0, best)), spell(tokens.slice(best))];
  let full = tokens.length - 1;
  while (full > 1 && prefix + width(tokens.slice(0, full)) > limit) full--;
  return [spell(tokens.slice(0, full)), ...layout(tokens.slice(full), 0, limit)];
}

// Whether readers of SubRip take the last line for the number of the next cue, and leave it out.
function endsInNumber(lines) {
  return lines.length > 1 && NUMBER.test(lines.at(-1));
}

function pieces(word) {
  const text = clean(word.text);
  const parts = split(text).map((part) => [...part]);
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const length = word.end - word.start;
  let done = 0;
  return parts.map((characters, number) => {
    const start = word.start + (length * done) / total;
    done += characters.length;
    return { characters, spaced: number > 0 || BLANK.test(text[0]), start, end: word.start + (length * done) / total };
  });
}

// Pieces that no blank divides.
function runs(all) {
  const found = [];
  for (const piece of all) {
    if (piece.spaced || !found.length) found.push([]);
    found.at(-1).push(piece);
  }
  return found;
}

function splitLong(token, limit) {
  const each = (token.end - token.start) / token.characters.length;
  const parts = [];
  let { characters, spaced } = token;
  let done = 0;
  while (characters.length) {
    const cut = cutOf(characters, limit);
    const start = token.start + each * done;
    done += cut;
    parts.push({ characters: characters.slice(0, cut), spaced, start, end: token.start + each * done });
    [characters, spaced] = [characters.slice(cut), false];
  }
  return parts;
}

// How many characters go on a line of `width` cells, to the end of a syllable where possible.
function cutOf(characters, width) {
  let [used, fitting] = [0, 0];
  while (fitting < characters.length && used + cells([characters[fitting]]) <= width) used += cells([characters[fitting++]]);
  if (fitting === characters.length) return fitting;
  for (let cut = fitting; cut > Math.floor(fitting / 2); cut--) if (mayBreak(characters, cut)) return cut;
  for (let cut = fitting; cut > 1; cut--) if (!combines(characters[cut]) && characters[cut - 1] !== "\u200d") return cut;
  return fitting;
}

// How many tokens from `first` on fit one cue: at least one.
function capacity(tokens, first, prefix, { lineWidth, lines, wordsPerCue }) {
  let [used, line, words] = [prefix, 1, 0];
  for (let index = first; index < tokens.length; index++) {
    const token = tokens[index];
    let needed = cells(token.characters) + (token.spaced && index > first ? 1 : 0);
    if (token.spaced || index === first) words++;
    if (used + needed > lineWidth) [used, line, needed] = [0, line + 1, cells(token.characters)];
    const tooLong = token.end - tokens[first].start > MAX_SECONDS;
    const pause = index > first && token.start - tokens[index - 1].end >= PAUSE_SECONDS;
    const full = line > lines || words > wordsPerCue;
    if (index > first && (full || tooLong || pause)) return index - first;
    used += needed;
  }
  return tokens.length - first;
}

function bestCut(tokens, first, count) {
  const total = width(tokens.slice(first, first + count));
  let [best, bestScore, used] = [count, -Infinity, 0];
  for (let taken = 1; taken <= count; taken++) {
    const [last, following] = [tokens[first + taken - 1], tokens[first + taken]];
    used += cells(last.characters) + (last.spaced && taken > 1 ? 1 : 0);
    let score = used / total;
    if (ends(last, SENTENCE_END)) score += 0.7;
    else if (ends(last, CLAUSE_END)) score += 0.4;
    score += 0.4 * Math.min(1, Math.max(0, following.start - last.end));
    const left = tokens.length - first - taken;
    if (left <= 2 && width(tokens.slice(first + taken)) < 12) score -= 0.5;
    if (score >= bestScore) [best, bestScore] = [taken, score];
  }
  return best;
}

const ends = (token, pattern) => pattern.test(token.characters.at(-1));

function width(tokens) {
  const all = tokens.reduce((sum, token) => sum + cells(token.characters) + (token.spaced ? 1 : 0), 0);
  return all - (tokens[0]?.spaced ? 1 : 0);
}

const spell = (tokens) => tokens.map((token) => (token.spaced ? " " : "") + token.characters.join("")).join("").trim();

/** Milliseconds; halves go to the even side, as Python rounds. */
export function ms(seconds) {
  const exact = seconds * 1000;
  const below = Math.floor(exact);
  return exact - below > 0.5 || (exact - below === 0.5 && below % 2) ? below + 1 : below;
}
