// What a visitor asks of a transcript: the form beside the field for files.

import { $ } from "./dom.js";
import { signedIn } from "./session.js";

const LONG_BYTES = 50e6; // about an hour of compressed speech: nobody should have to keep a page open for longer

/** Whether what stands in the form can be asked for; the browser says what cannot. */
export function valid() {
  const form = $("wanted");
  if (!form.checkValidity()) $("options").open = true;
  return form.reportValidity();
}

/** The client's options. */
export function wanted() {
  const { language, model, speakers, keywords, task, prompt, track, start, end } = Object.fromEntries(new FormData($("wanted")));
  const special = { none: { diarize: false }, channels: { channels: "separate" } };
  const people = special[speakers] ?? { speakers: Number(speakers) };
  const names = namesIn(keywords);
  const given = { model, task, prompt: prompt.trim(), track: Number(track), start: seconds(start), end: seconds(end) };
  return {
    language, ...people, ...(names.length && { keywords: names }),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value)),
  };
}

/** "Ada Lovelace, Kubernetes" -> its names and terms */
export const namesIn = (text) => text.split(",").map((name) => name.trim()).filter(Boolean);

/** Whether this file becomes a job, which goes on when the page is closed. */
export function inBackground(file) {
  const chosen = $("wanted").elements.background.value;
  return signedIn() && (chosen === "always" || (chosen === "long" && file.size >= LONG_BYTES));
}

/** The style of the summary that a job is asked for, if any. */
export const summaryStyle = () => $("wanted").elements.summary.value || undefined;

/** 1:02:03.5, 2:03 or 3 -> seconds; "" -> 0 */
function seconds(text) {
  return text.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
}
