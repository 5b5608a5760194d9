// Time to read subtitles whose words have none, as the service gives it (stt_ai/captions/pacing.py says why).

import { cells } from "./scripts.js";

const CELLS_A_SECOND = 25;
const MIN_RUN_SECONDS = 1;
const INSTANT_SECONDS = 0.01;

export const readingSeconds = (width) => width / CELLS_A_SECOND;

/** The tokens with times for those that are all said at one instant; there is room until `until` seconds. */
export function spread(tokens, until) {
  const found = [];
  for (let first = 0; first < tokens.length; ) {
    let last = first;
    while (last + 1 < tokens.length && tokens[last + 1].end - tokens[first].start < INSTANT_SECONDS) last++;
    const following = last + 1 < tokens.length ? tokens[last + 1].start : until;
    found.push(...paced(tokens.slice(first, last + 1), found.length ? found.at(-1).end : 0, following));
    first = last + 1;
  }
  return found;
}

function paced(run, earliest, latest) {
  const total = run.reduce((sum, token) => sum + cells(token.characters), 0);
  const needed = readingSeconds(total);
  let [start, end] = [run[0].start, run.at(-1).end];
  if (end - start >= INSTANT_SECONDS || needed < MIN_RUN_SECONDS) return run;
  end = Math.max(end, Math.min(start + needed, latest));
  start = Math.min(start, Math.max(earliest, end - needed));
  let done = 0;
  return run.map((token) => {
    const begin = start + ((end - start) * done) / total;
    done += cells(token.characters);
    return { ...token, start: begin, end: start + ((end - start) * done) / total };
  });
}
