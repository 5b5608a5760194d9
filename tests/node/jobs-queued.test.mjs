// `client.jobs` beside the API over the real queue, on which nothing works.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, answer, refuse, serving } from "./sdk.mjs";

const SOUND = new Uint8Array(90_000).fill(7);
const client = new Client(); // address and key are in the environment

test("a job is queued with what was asked for", async () => {
  const job = await client.jobs.create(SOUND, { language: "en", retentionHours: 24, keepAudio: true, filename: "talk.wav" });
  assert.deepEqual([job.status, job.title, job.attempt, job.usage, job.error], ["queued", "talk.wav", 0, null, null]);
  assert.equal((new Date(job.expires_at) - new Date(job.created_at)) / 3.6e6, 24);
  assert.deepEqual(await client.jobs.get(job.id), job);
  await assert.rejects(client.jobs.wait(job, { timeout: 0 }), { name: "TimeoutError", message: /queued/ });
  await assert.rejects(client.jobs.result(job), { name: "Conflict", code: "job_not_done" });
  const reason = new Error("enough");
  await assert.rejects(client.jobs.wait(job, { signal: AbortSignal.abort(reason) }), reason);
  await client.jobs.delete(job);
  await assert.rejects(client.jobs.get(job), { name: "NotFound" });
});

test("jobs are listed by pages and status, and cancelled", async () => {
  const made = [];
  for (let count = 0; count < 3; count++) made.push((await client.jobs.create(SOUND)).id);
  const first = await client.jobs.list({ limit: 2 });
  const rest = await client.jobs.list({ cursor: first.next_cursor });
  assert.deepEqual([...first.jobs, ...rest.jobs].map(({ id }) => id).sort(), made.sort());
  assert.deepEqual([first.jobs.length, rest.next_cursor], [2, null]);
  const cancelled = await client.jobs.cancel(first.jobs[0]);
  assert.deepEqual((await client.jobs.list({ status: "cancelled" })).jobs, [cancelled]);
  await assert.rejects(client.jobs.wait(cancelled), { name: "JobEnded", code: "job_cancelled" });
  assert.deepEqual(await client.jobs.cancel(cancelled), cancelled);
});

test("the same key is the same job", async () => {
  const options = { idempotencyKey: crypto.randomUUID() };
  const [first, second] = [await client.jobs.create(SOUND, options), await client.jobs.create(SOUND, options)];
  assert.equal(first.id, second.id);
});

for (const source of [SOUND, { url: "https://example.com/a.mp3", headers: { "X-Token": "t" } }, { uploadId: "u1" }]) {
  const kind = Object.keys(source).find((name) => Number.isNaN(Number(name))) ?? "file";
  test(`queuing by ${kind} comes again under the same key`, async (t) => {
    const { url, requests } = await serving(t, (_, response, count) => {
      if (count === 1) return response.destroy();
      if (count === 2) return refuse(response, 503, "overloaded", { "Retry-After": "0" });
      answer(response, { id: "job_1", status: "queued" });
    });
    const webhook = { url: "https://example.com/hook", metadata: { order: 7 }, includeText: true };
    const job = await new Client({ baseUrl: url }).jobs.create(source, { keywords: ["Ada", "Bob"], keepAudio: true, webhook, summary: "brief" });
    const hook = { url: webhook.url, metadata: { order: 7 }, include_text: true };
    assert.equal(job.id, "job_1");
    assert.deepEqual([requests.length, new Set(requests.map(({ headers }) => headers["idempotency-key"])).size], [3, 1]);
    if (kind === "file") {
      assert.ok(requests[2].body.includes(`name="webhook"\r\n\r\n${JSON.stringify(hook)}\r\n`));
      assert.match(requests[2].body, /name="summary"\r\n\r\nbrief\r\n/);
      return assert.match(requests[2].body, /name="keep_audio"\r\n\r\ntrue\r\n/);
    }
    const { source: given, options, keep_audio: kept, webhook: asked, summary } = JSON.parse(requests[2].body);
    assert.deepEqual([asked, summary], [hook, { style: "brief" }]);
    assert.deepEqual(given, kind === "url" ? source : { upload_id: "u1" });
    assert.deepEqual([options, kept], [{ "keywords[]": "Ada,Bob" }, true]);
  });
}

test("the messages about a job are listed and sent again", async () => {
  const webhook = "https://example.com/hook";
  const job = await client.jobs.create(SOUND, { webhook, summary: "brief" });
  assert.deepEqual([job.webhook.url, job.summary.style], [webhook, "brief"]);
  await client.jobs.cancel(job);
  const [delivery] = await client.jobs.deliveries(job);
  assert.deepEqual([delivery.event, delivery.status, delivery.attempts], ["job.cancelled", "pending", []]);
  assert.deepEqual(await client.jobs.redeliver(job, delivery), delivery);
});

test("the account's secret is read and changed, once though the answer was lost", async (t) => {
  const { secret } = await client.webhookSecret();
  const changed = await client.rotateWebhookSecret({ overlapHours: 1 });
  assert.equal((new Date(changed.previous_until) - new Date(changed.created_at)) / 3.6e6, 1);
  assert.notEqual(changed.secret, secret);
  assert.deepEqual(await client.webhookSecret(), changed);
  const { url, requests } = await serving(t, (_, response) => response.destroy());
  await assert.rejects(new Client({ baseUrl: url }).rotateWebhookSecret(), { name: "ConnectionFailed" });
  assert.equal(requests.length, 1);
});

test("what does the same twice is tried again", async (t) => {
  const { url, requests } = await serving(t, (_, response, count) =>
    count % 2 ? response.destroy() : answer(response, { id: "job_1", status: "cancelled" }),
  );
  const { jobs } = new Client({ baseUrl: url });
  await jobs.cancel("job_1");
  await jobs.renameSpeakers("job_1", { "Speaker 1": "Ada" });
  await jobs.correct("job_1", [{ id: 0, text: null }]);
  await jobs.get("a/b");
  assert.equal(requests.length, 8);
});

test("a recording is a file, an address or an upload", async () => {
  for (const source of [{}, { url: "https://example.com", uploadId: "u1" }, 7, null]) {
    await assert.rejects(client.jobs.create(source), TypeError);
    await assert.rejects(client.transcribe(source), TypeError);
  }
  await assert.rejects(client.transcribe({ url: "https://example.com", headers: {} }), TypeError);
  await assert.rejects(client.jobs.create(SOUND, { keywords: "Ada" }), { name: "TypeError", message: /array/ });
});
