// `client.jobs` beside the API over the real queue and the real runner, which has recordings fetched from SOURCE.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";

import { Client, toSrt, toTxt } from "./sdk.mjs";

const SOUND = new Uint8Array(90_000).fill(7);
const LONG = new Uint8Array((8 << 20) + 2_000_000).fill(9);
const { SOURCE, REFUSING, TEXT, CUTTING, BREAKING, FOLDER } = process.env;
const client = new Client(); // address and key are in the environment

test("a job from its beginning to its end", async () => {
  const looks = [];
  const queued = await client.jobs.create(new Blob([SOUND]), { language: "en", keywords: ["Ada"] });
  const done = await client.jobs.wait(queued, { timeout: 60, onChange: (job) => looks.push(job) });
  assert.deepEqual([done.id, done.status, done.usage.credits], [queued.id, "succeeded", 1]);
  assert.deepEqual(looks.at(-1), done);
  const transcript = await client.jobs.result(done);
  assert.deepEqual([transcript.text, transcript.speakers], [TEXT, ["Speaker 1", "Speaker 2"]]);
  const named = await client.jobs.renameSpeakers(done, { "Speaker 1": "Ada" });
  assert.deepEqual(named.speakers, { "Speaker 1": "Ada" });
  const renamed = await client.jobs.result(done.id);
  assert.deepEqual(renamed.speakers, ["Ada", "Speaker 2"]);
  for (const [responseFormat, write] of [["srt", toSrt], ["txt", toTxt]]) {
    assert.equal(await client.jobs.result(done, { responseFormat }), write(renamed));
  }
  const [first, second] = renamed.segments;
  const corrected = await client.jobs.correct(done, [{ id: first.id, text: "Hello, Zoë." }, { id: second.id, text: "" }]);
  assert.ok(corrected.corrected_at);
  const { text, segments } = await client.jobs.result(done);
  assert.deepEqual([text, segments.map(({ id }) => id)], ["Hello, Zoë.", [first.id]]);
  await assert.rejects(client.jobs.cancel(done), { name: "Conflict" });
  await client.jobs.delete(done);
  await assert.rejects(client.jobs.get(done), { name: "NotFound" });
});

test("a recording is fetched from its address", async () => {
  const job = await client.jobs.create({ url: SOURCE, headers: { "X-Token": "t" } }, { speakers: 2 });
  await client.jobs.wait(job, { timeout: 60 });
  assert.equal((await client.jobs.result(job)).text, TEXT);
  assert.match(await client.transcribe({ url: SOURCE }, { responseFormat: "txt" }), /^Speaker 1: Hello/);
});

test("a job that failed throws its own error", async () => {
  const job = await client.jobs.create({ url: REFUSING });
  await assert.rejects(client.jobs.wait(job, { timeout: 60 }), { name: "BadRequest", code: "source_refused" });
  const { status, error } = await client.jobs.get(job);
  assert.deepEqual([status, error.code], ["failed", "source_refused"]);
});

test("a recording goes on where it was cut", async () => {
  const path = `${FOLDER}/Ünïque.mp3`;
  await writeFile(path, LONG);
  const reported = [];
  const cut = new Client({ baseUrl: CUTTING });
  const job = await cut.jobs.create(path, { resumable: true, onProgress: (...at) => reported.push(at) });
  assert.deepEqual([job.title, job.status], ["Ünïque.mp3", "queued"]);
  assert.equal((await client.jobs.result(await client.jobs.wait(job, { timeout: 60 }))).text, TEXT);
  assert.deepEqual(reported.at(-1), [LONG.length, LONG.length]);
  assert.ok(reported.length > 3);
});

test("an upload that was interrupted goes on later", async () => {
  const broken = new Client({ baseUrl: BREAKING, maxRetries: 0 });
  const { uploadId } = await broken.uploads.send(LONG).then(assert.fail, (error) => {
    assert.equal(error.name, "UploadInterrupted");
    return error;
  });
  await assert.rejects(client.uploads.send(SOUND, { uploadId }), { name: "TypeError", message: /10388608 bytes/ });
  assert.equal(await client.uploads.send(new Blob([LONG]), { uploadId }), uploadId);
  assert.equal((await client.transcribe({ uploadId })).text, TEXT);
  await client.uploads.delete(uploadId);
  await client.uploads.delete(uploadId);
  await assert.rejects(client.jobs.create({ uploadId }), { name: "NotFound" });
  await assert.rejects(client.uploads.send(new Blob(["x"]).stream()), TypeError);
});
