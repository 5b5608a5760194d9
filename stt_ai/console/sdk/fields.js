// The parameters of a transcription as the service spells them.

const ASKED = ["model", "language", "diarize", "speakers", "minSpeakers", "maxSpeakers", "task", "prompt", "keywords"]
  .concat(["channels", "start", "end", "track", "lineWidth", "lines", "wordsPerCue", "strict", "responseFormat"]);
const SENT = ["filename", "signal", "idempotencyKey", "onProgress", "onText", "onTranscribed", "onWarnings"];

/** Throws where one of a transcription's options is misspelt: it would be left out without a word. */
export function checkNames(options) {
  const unknown = Object.keys(options).find((name) => !ASKED.includes(name) && !SENT.includes(name));
  if (unknown) throw new TypeError(`There is no option ${unknown}; there are ${[...ASKED, ...SENT].join(", ")}.`);
}

/** The fields of the form; what is left out is the service's choice. */
export function fieldsOf(options) {
  const { model, language, diarize, speakers, minSpeakers, maxSpeakers, strict } = options;
  const { task, prompt, keywords, channels, start, end, track, lineWidth, lines, wordsPerCue } = options;
  const given = { model, language, diarize, speakers, strict, task, prompt, channels, start, end, track };
  const renamed = {
    line_width: lineWidth, lines, words_per_cue: wordsPerCue, min_speakers: minSpeakers, max_speakers: maxSpeakers,
    "keywords[]": listedKeywords(keywords)?.join(",") || undefined,
  };
  return spelled({ ...given, ...renamed });
}

/** Throws for a single text, whose letters would be the names and terms. */
export function listedKeywords(keywords) {
  if (typeof keywords === "string") throw new TypeError("`keywords` is an array of names and terms.");
  return keywords;
}

/** Without what is null or undefined, and all else as text. */
export const spelled = (fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null).map(([name, value]) => [name, String(value)]));
