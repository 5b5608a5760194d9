// A finished transcript as subtitles and text, without another request: as the service writes them.

import { clean, group, ms, settleTimes, split, toCue, tokensOf } from "./cues.js";
import { spread } from "./pacing.js";
import { cells } from "./scripts.js";
import { spelled } from "./spelling.js";

// SubRip has no escapes: what players read as tags or as an arrow becomes a look-alike.
const SRT_SAFE = { "<": "‹", ">": "›", "{": "(", "}": ")", "\\": "⧵" };
const MAX_NAME = 20;
const [MIN_LINE_WIDTH, MAX_LINE_WIDTH, MAX_LINES] = [30, 200, 10];

/** SubRip. */
export function toSrt(transcript, options) {
  return cues(transcript, true, checked(options)).map(({ speaker, lines, start, end }, index) => {
    const text = (label(speaker) + lines.join("\n")).replace(/[<>{}\\]/g, (c) => SRT_SAFE[c]);
    return `${index + 1}\n${stamp(start, ",")} --> ${stamp(end, ",")}\n${text}\n`;
  }).join("\n");
}

/** WebVTT. A NOTE at the top has the warnings. */
export function toVtt(transcript, options) {
  const blocks = cues(transcript, false, checked(options)).map(({ speaker, lines, start, end }) => {
    const voice = speaker ? `<v ${escaped(speaker)}>` : "";
    return `${stamp(start, ".")} --> ${stamp(end, ".")}\n${voice}${lines.map(escaped).join("\n")}\n`;
  });
  const notes = (transcript.warnings ?? []).map((warning) => `${note(warning)}\n`).join("");
  return ["WEBVTT\n", ...(notes ? [`NOTE\n${notes}`] : []), ...blocks].join("\n");
}

/** The text, one paragraph a speaker turn. */
export function toTxt(transcript, options) {
  const { speakers } = checked(options);
  const paragraphs = [];
  for (const { speaker: name, words } of spelled(transcript)) {
    const speaker = speakers ? name : undefined;
    const text = words.map((word) => word.text).join("");
    if (paragraphs.length && paragraphs.at(-1).speaker === speaker) paragraphs.at(-1).text += text;
    else paragraphs.push({ speaker, text });
  }
  const lines = paragraphs.map(({ speaker, text }) => [speaker ? `${speaker}: ` : "", oneLine(text)]);
  const filled = lines.filter(([, text]) => text).map((line) => line.join(""));
  return filled.length ? `${filled.join("\n\n")}\n` : "";
}

/** A row a segment: `start` and `end` in milliseconds, `speaker` where any is known and wanted, and `text`. */
export function toTsv(transcript, options) {
  const segments = spelled(transcript).filter(({ words }) => words.length);
  const named = checked(options).speakers && segments.some(({ speaker }) => speaker);
  const rows = segments.map(({ speaker, words }) => {
    const times = [ms(words[0].start), ms(words.at(-1).end)];
    return [...times, ...(named ? [split(speaker ?? "").join(" ")] : []), oneLine(words.map(({ text }) => text).join(""))];
  });
  const head = ["start", "end", ...(named ? ["speaker"] : []), "text"];
  return [head, ...rows].map((row) => `${row.join("\t")}\n`).join("");
}

/** The options with their defaults. Throws `RangeError` for those that make no subtitles. */
function checked({ speakers = true, lineWidth = 42, lines = 2, wordsPerCue = Infinity, ...unknown } = {}) {
  const [name] = Object.keys(unknown);
  if (name) throw new TypeError(`There is no option ${name}; there are speakers, lineWidth, lines and wordsPerCue.`);
  inRange("lineWidth", lineWidth, MIN_LINE_WIDTH, MAX_LINE_WIDTH);
  inRange("lines", lines, 1, MAX_LINES);
  inRange("wordsPerCue", wordsPerCue ?? Infinity, 1, Infinity);
  return { speakers, lineWidth, lines, wordsPerCue: wordsPerCue ?? Infinity };
}

function inRange(name, value, min, max) {
  if (value >= min && value <= max) return;
  throw new RangeError(`${name} is ${value}; it must be ${max === Infinity ? `at least ${min}` : `from ${min} to ${max}`}.`);
}

/** One line of a NOTE, in which neither a line break nor an arrow may stand. */
function note({ code, message, start, end }) {
  const times = [start, end].filter((time) => time !== undefined).map((time) => stamp(ms(time), "."));
  const place = times.length ? ` (${times.join(" to ")})` : "";
  return `Warning${place}: ${split(message).join(" ")} [${code}]`.replace(/-{2,}>/g, "->");
}

/** `named`: whether a speaker's name takes a part of the first line. */
function cues(transcript, named, options) {
  const segments = spelled(transcript).filter(({ words }) => words.length);
  const last = (transcript.start ?? 0) + transcript.duration;
  const all = segments.flatMap(({ speaker: name, words }, index) => {
    const speaker = options.speakers ? name : undefined;
    const prefix = named ? cells([...label(speaker)]) : 0;
    const end = segments[index + 1]?.words[0].start ?? last;
    const tokens = spread(tokensOf(words, options.lineWidth - prefix), end);
    return group(tokens, prefix, options).map((shown) => toCue(shown, speaker, prefix, options));
  });
  const separate = transcript.segments.some(({ channel, words }) => words.length && channel !== undefined); // at once
  if (separate) all.sort((one, other) => one.start - other.start);
  return settleTimes(all, last);
}

const oneLine = (text) => split(clean(text)).join(" ");

const label = (speaker) => (speaker ? `${[...speaker].slice(0, MAX_NAME).join("")}: ` : "");

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function stamp(milliseconds, point) {
  const [seconds, rest] = [Math.floor(milliseconds / 1000), milliseconds % 1000];
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":") + point + String(rest).padStart(3, "0");
}
