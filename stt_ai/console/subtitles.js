// A JSON answer as the service's other formats, so that nobody pays twice for one file.

import { LINE_WIDTH, clean, group, settleTimes, split, toCue, tokensOf } from "./cues.js";
import { spread } from "./pacing.js";
import { cells } from "./scripts.js";
import { spelled } from "./words.js";

const SRT_SAFE = { "<": "‹", ">": "›", "{": "(", "}": ")", "\\": "⧵" };
const MAX_NAME = 20;

/** `speakers`: whether they are named; `width`: characters of a line. */
export function toSrt(body, { speakers = true, width = LINE_WIDTH } = {}) {
  return cues(body, speakers, width).map((cue, index) => {
    const text = ((speakers ? label(cue.speaker) : "") + cue.lines.join("\n")).replace(/[<>{}\\]/g, (c) => SRT_SAFE[c]);
    return `${index + 1}\n${stamp(cue.start, ",")} --> ${stamp(cue.end, ",")}\n${text}\n`;
  }).join("\n");
}

export function toVtt(body, { speakers = true, width = LINE_WIDTH } = {}) {
  const blocks = cues(body, false, width).map((cue) => {
    const voice = speakers && cue.speaker ? `<v ${escaped(cue.speaker)}>` : "";
    return `${stamp(cue.start, ".")} --> ${stamp(cue.end, ".")}\n${voice}${cue.lines.map(escaped).join("\n")}\n`;
  });
  const notes = (body.warnings ?? []).map((warning) => `${note(warning)}\n`).join("");
  return ["WEBVTT\n", ...(notes ? [`NOTE\n${notes}`] : []), ...blocks].join("\n");
}

/** One line of a NOTE, in which neither a line break nor an arrow may stand. */
function note({ code, message, start, end }) {
  const times = [start, end].filter((time) => time !== undefined).map((time) => stamp(Math.round(time * 1000), "."));
  const place = times.length ? ` (${times.join(" to ")})` : "";
  return `Warning${place}: ${split(message).join(" ")} [${code}]`.replace(/-{2,}>/g, "->");
}

/** One paragraph a speaker turn. */
export function toTxt(body, { speakers = true } = {}) {
  const paragraphs = [];
  for (const { speaker: name, words } of spelled(body)) {
    const speaker = speakers ? name : undefined;
    const text = words.map((word) => word.text).join("");
    if (paragraphs.length && paragraphs.at(-1).speaker === speaker) paragraphs.at(-1).text += text;
    else paragraphs.push({ speaker, text });
  }
  const lines = paragraphs.map(({ speaker, text }) => [speaker ? `${speaker}: ` : "", split(clean(text)).join(" ")]);
  const told = lines.filter(([, text]) => text).map((line) => line.join(""));
  return told.length ? `${told.join("\n\n")}\n` : "";
}

/** One segment a line: start and end in seconds, the speaker, the text. */
export function toTsv(body, { speakers = true } = {}) {
  const plain = (text) => split(clean(text ?? "")).join(" ");
  const row = ({ start, end, speaker, text }) => [start.toFixed(2), end.toFixed(2), ...(speakers ? [plain(speaker)] : []), plain(text)];
  const head = ["start", "end", ...(speakers ? ["speaker"] : []), "text"];
  return [head, ...body.segments.map(row)].map((cells) => `${cells.join("\t")}\n`).join("");
}

export const toJson = (body) => `${JSON.stringify(body, null, 2)}\n`;

/** `named`: whether a speaker's name takes a part of the first line. */
function cues(body, named, limit) {
  const segments = spelled(body).filter(({ words }) => words.length);
  const last = (body.start ?? 0) + body.duration;
  const all = segments.flatMap(({ speaker, words }, index) => {
    const prefix = named ? cells([...label(speaker)]) : 0;
    const end = segments[index + 1]?.words[0].start ?? last;
    const tokens = spread(tokensOf(words, limit - prefix), end);
    return group(tokens, prefix, limit).map((shown) => toCue(shown, speaker, prefix, limit));
  });
  const separate = body.segments.some(({ channel }) => channel !== undefined); // they may speak at once
  if (separate) all.sort((one, other) => one.start - other.start);
  return settleTimes(all, last);
}

const label = (speaker) => (speaker ? `${[...speaker].slice(0, MAX_NAME).join("")}: ` : "");

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function stamp(milliseconds, point) {
  const [seconds, rest] = [Math.floor(milliseconds / 1000), milliseconds % 1000];
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":") + point + String(rest).padStart(3, "0");
}
