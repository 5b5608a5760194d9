// The account's jobs: recordings that the service transcribes while nobody waits. Shown among the transcripts.

import { $, announce, ask, clock, failure, h } from "./dom.js";
import { client, owner, signedIn } from "./session.js";
import { erase, recording } from "./store.js";

const LOOK_MS = 2000; // between two looks, while one of them is at work
const PAGE = 50;
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const OVER = { cancelled: "Cancelled", expired: "Erased: its time was over" };

let jobs = [];
let cursor = null;
let timer = null;
const texts = new Map(); // of jobs that have succeeded, by their ids, once they are searched

/** Whether it is worth a look again soon. */
const isAtWork = ({ status }) => status === "queued" || status === "running";

/** The jobs that the list knows, by what is sought; they are asked for again by `refreshJobs`. */
export const jobRows = (sought) =>
  jobs.filter((job) => `${job.title}\n${texts.get(job.id) ?? ""}`.toLowerCase().includes(sought)).map(row);

export const jobsKnown = () => jobs.length;

/** A button that shows those before, where there are any. */
export function olderJobs(drawn) {
  if (!cursor) return null;
  return h("button", { type: "button", onclick: () => refreshJobs(drawn, cursor) }, "Show older jobs");
}

/** Asks for the newest jobs, or for those after `from`, and calls `drawn`; again and again while one is at work. */
export async function refreshJobs(drawn, from = null) {
  clearTimeout(timer);
  if (!signedIn()) [jobs, cursor] = [[], null];
  else {
    const own = client;
    try {
      const page = await client.jobs.list({ limit: PAGE, cursor: from });
      if (own !== client) return;
      const fresh = new Set(page.jobs.map(({ id }) => id));
      const others = jobs.filter(({ id }) => !fresh.has(id));
      const older = from ? [] : others.filter(({ created_at: at }) => at < (page.jobs.at(-1)?.created_at ?? ""));
      if (from || !older.length) cursor = page.next_cursor;
      jobs = from ? [...others, ...page.jobs] : [...page.jobs, ...older];
      $("jobs-failure").replaceChildren();
    } catch (error) {
      // A service without jobs has none; what else is wrong is said, and the rest of the page works.
      if (error.status !== 404) $("jobs-failure").replaceChildren(failure(error, () => refreshJobs(drawn)));
    }
  }
  drawn();
  if (jobs.some(isAtWork)) timer = setTimeout(() => $("library").hidden || refreshJobs(drawn), LOOK_MS);
}

/** Fetches the texts that are not known yet, so that they are searched too. */
export async function searchTexts(drawn) {
  for (const { id, status } of [...jobs]) {
    if (status !== "succeeded" || texts.has(id)) continue;
    texts.set(id, "");
    try {
      texts.set(id, (await client.jobs.result(id)).text);
      drawn();
    } catch {
      texts.delete(id); // it is sought again with the next letter
    }
  }
}

/** `{record, file}` of a job that has succeeded, which the service keeps: `names` of its speakers, as they are shown. */
export async function openedJob(id) {
  const [job, body] = [await client.jobs.get(id), await client.jobs.result(id)];
  const named = new Set(Object.values(job.speakers));
  const others = body.speakers.filter((name) => !named.has(name)).map((name) => [name, name]);
  const names = { ...job.speakers, ...Object.fromEntries(others) };
  const record = { id, name: job.title || "Recording", at: Date.parse(job.created_at), owner: owner(), body, names, webhook: job.webhook };
  return { record, file: await recording(id) };
}

/** Every form of the result calls the speaker `from` so from now on. */
export function renameInJob(record, from, to) {
  const originals = Object.keys(record.names).filter((name) => record.names[name] === from);
  for (const name of originals) record.names[name] = to;
  return client.jobs.renameSpeakers(record.id, Object.fromEntries(originals.map((name) => [name, to])));
}

/** Every form of the result has what the segments with these ids say now. */
export function correctInJob({ id, body }, ids) {
  const texts = new Map(body.segments.map((segment) => [segment.id, segment.text]));
  return client.jobs.correct(id, ids.map((one) => ({ id: one, text: texts.get(one) ?? "" })));
}

/** Every form of the result has the segments with these ids said by `speaker`. */
export function giveInJob({ id, names }, ids, speaker) {
  if (!Object.values(names).includes(speaker)) names[speaker] = speaker; // a voice that was added
  return client.jobs.correct(id, ids.map((one) => ({ id: one, speaker })));
}

/** What became of the message to the job's webhook, for people. */
export async function messageState({ id, webhook }) {
  const { host } = new URL(webhook.url);
  const latest = (await client.jobs.deliveries(id)).at(-1);
  if (latest?.status === "delivered") return `Delivered to ${host}`;
  const why = latest?.attempts.at(-1)?.error ?? "";
  return `${latest?.status === "failed" ? "Not delivered" : "To be delivered"} to ${host}${why && `. ${why}`}`;
}

function row(job) {
  const { id, title, created_at: at, status, duration } = job;
  const name = title || "Recording";
  const facts = [when.format(Date.parse(at)), duration && clock(duration)].filter(Boolean);
  const shown = status === "succeeded" ? h("a", { class: "name", href: `#job-${id}` }, name) : h("span", { class: "name" }, name);
  return h("li", { class: "card row", "data-status": status },
    h("div", { class: "grow" },
      shown,
      h("small", { class: "muted" }, facts.join(" · ")),
      ...state(job)),
    isAtWork(job) && h("button", { type: "button", class: "small", "aria-label": `Cancel ${name}`, onclick: () => cancel(job) }, "Cancel"),
    h("button", { type: "button", class: "small danger", "aria-label": `Erase ${name}`, onclick: () => remove(job, name) }, "Erase"));
}

/** What there is to say of a job beside its name. */
function state({ id, status, progress, error }) {
  if (status === "queued") return [h("p", {}, error ? `Waiting to be tried again. ${error.error}` : "Waiting for its turn")];
  if (status === "failed") return [h("p", {}, error?.error ?? "It failed.")];
  if (status === "running") {
    const { stage, fraction, seconds_left: left } = progress ?? { stage: "decoding", fraction: 0, seconds_left: null };
    const text = stage === "decoding" ? "Reading the recording" : stage === "summarizing" ? "Writing the summary" : `Transcribing · ${Math.floor(fraction * 100)} %${left === null ? "" : ` · about ${clock(left + 1)} left`}`;
    return [h("p", {}, text), h("progress", { max: 1, value: fraction, "aria-label": "Transcription" })];
  }
  const text = OVER[status] ?? texts.get(id)?.slice(0, 120);
  return text ? [h("p", {}, text)] : [];
}

async function cancel({ id, title }) {
  await act(() => client.jobs.cancel(id), `${title} is cancelled. Nothing is charged.`);
}

async function remove({ id, title }, name) {
  const text = `“${name}”, its recording and its transcript are removed from the service and from this browser for good.`;
  if (!(await ask("Erase this job?", text, "Erase"))) return;
  await act(async () => {
    await client.jobs.delete(id);
    jobs = jobs.filter((job) => job.id !== id);
    await erase(id);
  }, `${title} is erased.`);
}

/** Does it, says so, and has the list drawn again. */
async function act(work, said) {
  try {
    await work();
    announce(said);
  } catch (error) {
    $("jobs-failure").replaceChildren(failure(error));
  }
  dispatchEvent(new Event("jobs"));
  $("search").focus();
}
