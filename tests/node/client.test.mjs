// The client and the running service.
import assert from "node:assert/strict";
import { openAsBlob, readFileSync } from "node:fs";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Client, DATA, collect, cutting } from "./sdk.mjs";

const { PCM, WAV, SAID, STT_AI_BASE_URL } = process.env;
const HELLO = new URL("hello_3s.flac", DATA);
const client = new Client({ apiKey: null }); // the rest is in the environment

before(() => client.signUp("Ada"));

/** Words that are missing, added or wrong, as a share of those said. */
function wrong(recognized) {
  const [said, words] = [SAID, recognized].map((text) => text.toLowerCase().match(/\p{L}+/gu) ?? []);
  let row = words.map((_, index) => index + 1);
  row.unshift(0);
  for (const [index, word] of said.entries()) {
    const next = [index + 1];
    for (const [at, other] of words.entries()) {
      next.push(Math.min(next[at] + 1, row[at + 1] + 1, row[at] + (word !== other)));
    }
    row = next;
  }
  return row.at(-1) / said.length;
}

test("a file from a path, with progress and what is left", async () => {
  const sent = [];
  const transcript = await client.transcribe(HELLO, { language: "en", onProgress: (...at) => sent.push(at) });
  assert.equal(transcript.text, "Hello Emma and welcome from London.");
  assert.deepEqual(transcript.speakers, ["Speaker 1"]);
  assert.equal(transcript.segments[0].words[0].word, "Hello");
  assert.equal(transcript.usage.credits, 1);
  const [done, total] = sent.at(-1);
  assert.equal(done, total);
  assert.equal(client.allowance.remaining, client.allowance.limit - 1);
});

test("every kind of file, and every format", async () => {
  const bytes = readFileSync(HELLO);
  const text = (options) => client.transcribe(bytes, { diarize: false, ...options });
  const blob = await openAsBlob(HELLO);
  for (const file of [bytes, blob, new File([blob], "a.flac"), blob.stream(), new Uint8Array(bytes).buffer]) {
    assert.match(await client.transcribe(file, { diarize: false, responseFormat: "txt" }), /^Hello Emma/);
  }
  assert.match(await text({ responseFormat: "srt" }), /^1\n00:00:00,\d+ --> /);
  assert.match(await text({ responseFormat: "vtt" }), /^WEBVTT\n/);
  assert.deepEqual((await text({})).speakers, []);
});

test("the same key again is the same answer, and charged once", async () => {
  const before = (await client.account()).allowance.used;
  const options = { idempotencyKey: crypto.randomUUID() };
  const [first, second] = [await client.transcribe(HELLO, options), await client.transcribe(HELLO, options)];
  assert.equal(first.request_id, second.request_id);
  assert.equal((await client.account()).allowance.used, before + 1);
});

test("a summary, whole and in pieces", async () => {
  const text = "Martin must decide the budget before Tuesday. Vanessa will review the report on Monday.";
  const whole = await client.summarize(text, { style: "bullet_points" });
  assert.match(whole.summary, /^- /);
  const events = await collect(client.summarize(text, { style: "bullet_points", stream: true }));
  assert.deepEqual(events.at(-1), { type: "summary", ...whole });
  assert.equal(events.slice(0, -1).map(({ text }) => text).join("").trim(), whole.summary);
});

test("live speech, from a file and over a cut", async (t) => {
  const recognized = (events) => events.filter(({ type }) => type === "final").map(({ text }) => text).join(" ");
  const noticed = async () => {
    while ((await client.account()).limits.running) await sleep(200);
  };
  const proxy = await cutting(t, STT_AI_BASE_URL, [170_000], noticed);
  const cutOff = new Client({ apiKey: client.apiKey, baseUrl: proxy.url });
  const [events, over] = await Promise.all([
    collect(client.stream(WAV, { language: "en" })),
    collect(cutOff.stream(PCM, { language: "en", realTime: true })),
  ]);
  assert.ok(wrong(recognized(events)) <= 0.1, recognized(events));
  assert.equal(events.at(-1).duration, 10);
  assert.ok(over.some(({ type }) => type === "partial"));
  assert.equal(over.filter(({ type }) => type === "reconnecting").length, 1);
  const [, again] = over.filter(({ type }) => type === "ready");
  assert.equal(again.resumed, true);
  assert.ok(wrong(recognized(over)) <= 0.1, recognized(over));
  const ids = over.filter(({ type }) => type === "final").map(({ segment_id }) => segment_id);
  assert.deepEqual(ids, ids.map((_, index) => index));
});

test("the catalogue, the account, its usage and keys", async () => {
  assert.equal((await client.models())[0].id, "large-v3-turbo");
  assert.deepEqual((await client.languages())[0], { code: "en", name: "english" });
  assert.equal((await client.health()).status, "ok");
  assert.equal((await client.account()).name, "Ada");
  assert.ok((await client.usage({ limit: 1 })).next_cursor);
  const made = await client.keys.create("laptop");
  const laptop = new Client({ apiKey: made.key });
  assert.deepEqual((await laptop.keys.list()).map(({ name }) => name).includes("laptop"), true);
  assert.ok((await client.streamToken()).token);
  await client.keys.revoke(made.id);
  await assert.rejects(laptop.account(), { name: "AuthenticationFailed", status: 401, requestId: /./ });
  await assert.rejects(collect(laptop.stream([])), { name: "AuthenticationFailed", status: 401 });
  await assert.rejects(client.keys.revoke("key_none"), { name: "NotFound" });
});

test("what is wrong is said", async () => {
  await assert.rejects(client.transcribe(Buffer.from("no sound"), { filename: "a.mp3" }), { name: "BadRequest", code: "unsupported_format" });
  await assert.rejects(client.transcribe(HELLO, { model: "huge" }), { code: "invalid_parameter", message: /`model`/ });
  await assert.rejects(client.summarize(""), { name: "BadRequest" });
});
