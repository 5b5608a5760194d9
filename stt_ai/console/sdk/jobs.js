// Recordings that are transcribed without holding a connection open: `client.jobs`.
import { JobEnded, NotFound, errorOfJob } from "./errors.js";
import { fieldsOf, spelled } from "./fields.js";
import { randomName, sleep } from "./requests.js";
import { RESUMABLE_BYTES } from "./resumable.js";
import { isStream, openedFile } from "./uploads.js";

const [MIN_PAUSE, MAX_PAUSE, GROWTH] = [0.5, 10, 1.5]; // seconds between two looks at a job

export class Jobs {
  #requests;

  /** `requests`: the client's own `{json, send, form, transcript, uploads, hasKey}`. */
  constructor(requests) {
    this.#requests = requests;
  }

  /** Queues a recording: a file as for `transcribe`, `{url, headers}` or `{uploadId}`. */
  async create(source, { idempotencyKey = randomName(), ...rest } = {}) {
    const options = { ...rest, idempotencyKey };
    const remote = remoteOf(source);
    if (remote) return this.#queue(remote, options);
    const fields = fieldsOf(options); // what is wrong with them is said before anything is sent
    const uploadId = await this.#sentInPieces(source, options);
    if (uploadId === null) return this.#queueFile(source, fields, options);
    try {
      return await this.#queue({ upload_id: uploadId }, options);
    } finally {
      await this.#requests.uploads.delete(uploadId); // the job has its own copy
    }
  }

  #queue(source, options) {
    const { retentionHours, keepAudio, webhook, summary, signal, idempotencyKey } = options;
    const json = {
      ...{ source, options: fieldsOf(options), retention_hours: retentionHours, keep_audio: keepAudio },
      ...{ webhook: spelledWebhook(webhook), ...(summary && { summary: { style: summary } }) },
    };
    return this.#requests.json("/v1/jobs", { signal, idempotencyKey, method: "POST", json });
  }

  async #queueFile(source, fields, options) {
    const { retentionHours, keepAudio, webhook, summary } = options;
    const hook = webhook && JSON.stringify(spelledWebhook(webhook));
    const kept = { retention_hours: retentionHours, keep_audio: keepAudio, webhook: hook, summary };
    const answer = await this.#requests.form("/v1/jobs", source, { ...fields, ...spelled(kept) }, options);
    return JSON.parse(await answer.text());
  }

  /** The id of the upload; null: the file is to be sent as a form. */
  async #sentInPieces(source, { resumable, filename, onProgress, signal }) {
    if (resumable === false || (!resumable && (!this.#requests.hasKey() || isStream(source)))) return null;
    const { uploads } = this.#requests;
    if (resumable) return uploads.send(source, { filename, onProgress, signal });
    const file = await openedFile(source, filename);
    if (file.size < RESUMABLE_BYTES) return null;
    try {
      return await uploads.transfer(file, { onProgress, signal });
    } catch (error) {
      if (error instanceof NotFound) return null; // a service that takes no pieces
      throw error;
    }
  }

  get(job, options) {
    return this.#requests.json(pathOf(job), options);
  }

  /** A page of jobs, newest first. */
  list({ status, cursor, limit, ...options } = {}) {
    return this.#requests.json(`/v1/jobs?${new URLSearchParams(spelled({ status, cursor, limit }))}`, options);
  }

  /** The job when it has succeeded. It is asked about less and less often, every ten seconds in the end. */
  async wait(job, { timeout = Infinity, onChange, signal } = {}) {
    const end = performance.now() + timeout * 1000;
    for (let pause = MIN_PAUSE; ; pause = Math.min(MAX_PAUSE, pause * GROWTH)) {
      const found = await this.get(job, { signal });
      onChange?.(found);
      if (hasSucceeded(found)) return found;
      const left = (end - performance.now()) / 1000;
      if (left <= 0) {
        throw new DOMException(`The job ${found.id} is ${found.status} after ${timeout} seconds.`, "TimeoutError");
      }
      await sleep(Math.min(pause, left), signal);
    }
  }

  /** The transcript of a job that has succeeded, in any form, any number of times until it expires. */
  async result(job, { responseFormat = "json", onWarnings, signal } = {}) {
    const answer = await this.#requests.send(`${pathOf(job)}/result?response_format=${responseFormat}`, { signal });
    return this.#requests.transcript(answer, { responseFormat, onWarnings });
  }

  cancel(job, options) {
    return this.#requests.json(`${pathOf(job)}/cancel`, { ...options, method: "POST", repeat: true });
  }

  async delete(job, options) {
    await this.#requests.send(pathOf(job), { ...options, method: "DELETE" });
  }

  renameSpeakers(job, speakers, options) {
    const json = { speakers };
    return this.#requests.json(`${pathOf(job)}/speakers`, { ...options, method: "PATCH", json });
  }

  /** Changes what every form of the result says: `{id, text, speaker}` of segments; null restores the model's. */
  correct(job, segments, options) {
    return this.#requests.json(`${pathOf(job)}/segments`, { ...options, method: "PATCH", json: { segments } });
  }

  /** The messages that were sent to the job's webhook, or will be, oldest first. */
  async deliveries(job, options) {
    return (await this.#requests.json(`${pathOf(job)}/deliveries`, options)).deliveries;
  }

  redeliver(job, delivery, options) {
    const path = `${pathOf(job)}/deliveries/${encodeURIComponent(idOf(delivery))}/redeliver`;
    return this.#requests.json(path, { ...options, method: "POST", repeat: true });
  }
}

/** What the service is to fetch or has already, as it spells it; null: `source` is a file that is sent. */
export function remoteOf(source) {
  if (source === null || typeof source !== "object" || Object.getPrototypeOf(source) !== Object.prototype) return null;
  const { url, headers, uploadId } = source;
  if ((url === undefined) === (uploadId === undefined)) throw new TypeError("Name either a `url` or an `uploadId`.");
  if (uploadId !== undefined) return { upload_id: uploadId };
  return { url: String(url), ...(headers && { headers }) };
}

/** As the service spells it; an address alone is one too. */
function spelledWebhook(webhook) {
  if (webhook == null) return undefined;
  if (typeof webhook === "string" || webhook instanceof URL) return { url: String(webhook) };
  const { url, secret, metadata, includeText } = webhook;
  return { url: String(url), secret, metadata, include_text: includeText };
}

function hasSucceeded({ id, status, error }) {
  if (status === "failed") throw errorOfJob(error ?? { error: `The job ${id} failed.`, code: "job_failed" });
  if (status === "cancelled" || status === "expired") {
    throw new JobEnded(`The job ${id} ended without a transcript: ${status}.`, { code: `job_${status}` });
  }
  return status === "succeeded";
}

const idOf = (thing) => (typeof thing === "string" ? thing : thing.id);

const pathOf = (job) => `/v1/jobs/${encodeURIComponent(idOf(job))}`;
