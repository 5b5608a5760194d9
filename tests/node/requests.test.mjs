// The client beside a server that refuses, breaks off and answers early, as the service does at bad times.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { inspect } from "node:util";

import * as sdk from "./sdk.mjs";
import { DATA, answer, collect, listening, refuse, serving } from "./sdk.mjs";

const SOUND = new Uint8Array(300_000).fill(7);

test("a refused upload comes again, the same and under the same key, when the service said", async (t) => {
  const { url, requests } = await serving(t, (_, response, count) =>
    count < 3 ? refuse(response, 503, "overloaded", { "Retry-After": "0" }) : answer(response, { text: "Hello" }),
  );
  const client = new sdk.Client({ baseUrl: `${url}/`, apiKey: "secret" });
  const sent = [];
  const transcript = await client.transcribe(SOUND, { language: "en", filename: 'a"b.wav', onProgress: (...at) => sent.push(at) });
  assert.equal(transcript.text, "Hello");
  assert.equal(requests.length, 3);
  assert.equal(new Set(requests.map(({ headers }) => headers["idempotency-key"])).size, 1);
  for (const { body, headers } of requests) {
    const boundary = /boundary=(.*)/.exec(headers["content-type"])[1];
    assert.equal(headers.authorization, "Bearer secret");
    assert.equal(Number(headers["content-length"]), body.length);
    const [, language, file, end] = body.split(`--${boundary}`);
    assert.match(language, /name="language"\r\n\r\nen\r\n$/);
    assert.match(file, /name="file"; filename="a%22b.wav"\r\n/);
    assert.equal(file.split("\x07").length - 1, SOUND.length);
    assert.equal(end, "--\r\n");
  }
  const total = requests[0].body.length;
  assert.ok(sent.every(([, of]) => of === total));
  assert.equal(sent.filter(([done]) => done === total).length, 3);
  assert.ok(sent.length > 9, "it is reported on the way");
});

test("warnings are reported in every form, and strict is asked for", async (t) => {
  const warning = { code: "audio_missing", message: 'A "part", missing.', start: 1.4, end: 3 };
  const header = 'audio_missing;start=1.40;end=3.00;message="A \\"part\\", missing.", quiet;message="Quiet."';
  const { url, requests } = await serving(t, (_, response, count) =>
    count === 1 ? answer(response, { text: "Hello", warnings: [warning] })
      : answer(response, { text: "Hello" }, count === 2 ? { "X-STT-Warnings": header } : {}),
  );
  const client = new sdk.Client({ baseUrl: url });
  const reported = [];
  const options = { strict: true, onWarnings: (warnings) => reported.push(warnings) };
  assert.deepEqual((await client.transcribe(SOUND, options)).warnings, [warning]);
  await client.transcribe(SOUND, { ...options, responseFormat: "srt" });
  await client.transcribe(SOUND, { responseFormat: "srt", onWarnings: options.onWarnings });
  assert.deepEqual(reported, [[warning], [warning, { code: "quiet", message: "Quiet." }]]);
  assert.match(requests[1].body, /name="strict"\r\n\r\ntrue\r\n/);
  assert.doesNotMatch(requests[2].body, /name="strict"/);
});

test("a page that did not come over HTTPS can send what others can", async (t) => {
  const whole = Object.getOwnPropertyDescriptor(Crypto.prototype, "randomUUID");
  delete Crypto.prototype.randomUUID;
  t.after(() => Object.defineProperty(Crypto.prototype, "randomUUID", whole));
  const { url, requests } = await serving(t, (_, response) => answer(response, { text: "Hello", summary: "Short." }));
  const client = new sdk.Client({ baseUrl: url });
  await client.transcribe(SOUND);
  await client.transcribe(SOUND);
  await client.summarize("Long.");
  const keys = requests.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys).size, 3);
  for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
});

test("after as many refusals as are allowed the last one is thrown", async (t) => {
  const { url, requests } = await serving(t, (_, response) => refuse(response, 503, "overloaded", { "Retry-After": "0" }));
  const client = new sdk.Client({ baseUrl: url, maxRetries: 2 });
  await assert.rejects(client.transcribe(SOUND), { name: "Unavailable", code: "overloaded", retryAfter: 0 });
  assert.equal(requests.length, 3);
});

test("an answer that is still being made is waited for, however often that takes", async (t) => {
  const { url, requests } = await serving(t, (_, response, count) =>
    count < 5 ? refuse(response, 409, "still_running", { "Retry-After": "0" }) : answer(response, { summary: "Short." }),
  );
  const client = new sdk.Client({ baseUrl: url, maxRetries: 1 });
  assert.equal((await client.summarize("Long.")).summary, "Short.");
  assert.equal(requests.length, 5);
});

test("a connection that breaks is tried again, but not for what may have been done", async (t) => {
  const { url, requests } = await serving(t, (request, response, count) =>
    count === 1 || request.url === "/v1/account" ? response.destroy() : answer(response, { models: [] }),
  );
  const client = new sdk.Client({ baseUrl: url, maxRetries: 1 });
  assert.deepEqual(await client.models(), []);
  assert.equal(requests.length, 2);
  await assert.rejects(client.signUp("Ada"), { name: "ConnectionFailed", status: null });
  assert.equal(requests.length, 3);
});

test("a month's allowance is not waited for", async (t) => {
  const { url, requests } = await serving(t, (_, response) => refuse(response, 429, "rate_limited", { "Retry-After": "86400" }));
  await assert.rejects(new sdk.Client({ baseUrl: url }).transcribe(SOUND), { name: "RateLimited", retryAfter: 86_400 });
  assert.equal(requests.length, 1);
});

test("a stream of bytes is sent once, and may be of any length", async (t) => {
  const { url, requests } = await serving(t, (_, response) => refuse(response, 503, "overloaded", { "Retry-After": "0" }));
  const stream = new Blob([SOUND]).stream();
  await assert.rejects(new sdk.Client({ baseUrl: url }).transcribe(stream), sdk.Unavailable);
  assert.equal(requests.length, 1);
  assert.equal(requests[0].headers["transfer-encoding"], "chunked");
  assert.equal(requests[0].body.split("\x07").length - 1, SOUND.length);
});

const STATUSES = [
  [400, "missing_file", "BadRequest"],
  [401, "unauthorized", "AuthenticationFailed"],
  [402, "no_credits", "PaymentRequired"],
  [404, "not_found", "NotFound"],
  [405, "method_not_allowed", "BadRequest"],
  [413, "file_too_large", "TooLarge"],
  [500, "internal_error", "ServerError"],
];
for (const [status, code, name] of STATUSES) {
  test(`${status} is ${name}`, async (t) => {
    const { url } = await serving(t, (_, response) => refuse(response, status, code));
    const details = { name, code, status, message: `It is ${code}.`, requestId: "r1", retryAfter: null };
    await assert.rejects(new sdk.Client({ baseUrl: url }).account(), details);
    await assert.rejects(new sdk.Client({ baseUrl: url }).transcribe(SOUND), details);
    assert.ok(sdk[name].prototype instanceof sdk.SttAiError);
  });
}

test("a proxy's page is an error too", async (t) => {
  let requests = 0;
  const { url } = await serving(t, (_, response) => {
    requests++;
    response.writeHead(502, { "Content-Type": "text/html" });
    response.end("<h1>Bad gateway</h1>");
  });
  const failure = { name: "ConnectionFailed", code: "http_502", status: 502 };
  await assert.rejects(new sdk.Client({ baseUrl: url, maxRetries: 1 }).health(), failure);
  assert.equal(requests, 2, "what reads only is asked again");
});

test("what Serve's proxies say while the service comes back is asked again", async (t) => {
  const pages = [[500, "Internal Server Error"], [404, "Path '/v1/models' not found. Ping http://.../-/routes for available routes."]];
  const { url } = await serving(t, (_, response) => {
    const [status, page] = pages.shift() ?? [200, '{"models": []}'];
    response.writeHead(status, { "Content-Type": status === 200 ? "application/json" : "text/plain" });
    response.end(page);
  });
  await new sdk.Client({ baseUrl: url }).models();
  assert.equal(pages.length, 0);
});

test("what is wrong with the caller's own file is thrown as it is, and asked of nobody again", async (t) => {
  const { url, server } = await serving(t, () => {});
  let connections = 0;
  server.on("connection", () => connections++);
  const client = new sdk.Client({ baseUrl: url });
  async function* broken() {
    yield SOUND;
    throw new Error("unplugged");
  }
  await assert.rejects(client.transcribe(broken()), { name: "Error", message: "unplugged" });
  await assert.rejects(client.transcribe(DATA), { code: "EISDIR" });
  const progress = () => {
    throw new Error("no such bar");
  };
  await assert.rejects(client.transcribe(SOUND, { onProgress: progress }), { name: "Error", message: "no such bar" });
  assert.ok(connections <= 3);
});

test("a summary that takes long is waited for, as Node's own fetch does not", async (t) => {
  t.mock.method(globalThis, "fetch", async () => {
    throw new TypeError("fetch failed"); // as it does after five minutes
  });
  const { url, requests } = await serving(t, (_, response) => answer(response, { summary: "Short." }));
  const { summary } = await new sdk.Client({ baseUrl: url }).summarize("¿Qué?", { style: "brief" });
  assert.equal(summary, "Short.");
  const [{ body, headers }] = requests;
  assert.deepEqual(JSON.parse(Buffer.from(body, "latin1")), { text: "¿Qué?", style: "brief", stream: false });
  assert.equal(headers["content-type"], "application/json");
});

test("blanks around a key are not of it, and one that cannot be sent is not shown", async (t) => {
  const { url, requests } = await serving(t, (_, response) => answer(response, { models: [] }));
  await new sdk.Client({ baseUrl: url, apiKey: "\t mine\r\n" }).models();
  await new sdk.Client({ baseUrl: url, apiKey: " " }).models();
  assert.deepEqual(requests.map(({ headers }) => headers.authorization), ["Bearer mine", undefined]);
  for (const apiKey of ["sec\nret", "secret…"]) {
    assert.throws(() => new sdk.Client({ baseUrl: url, apiKey }), (error) => {
      return error instanceof TypeError && !inspect(error).includes(apiKey);
    });
  }
});

test("nobody there", async (t) => {
  const { url, server } = await serving(t, () => {});
  server.close();
  const client = new sdk.Client({ baseUrl: url, maxRetries: 0 });
  await assert.rejects(client.models(), { name: "ConnectionFailed", code: "connection_failed" });
  await assert.rejects(client.transcribe(SOUND), { name: "ConnectionFailed", code: "connection_failed" });
  await assert.rejects(collect(client.stream([SOUND])), { name: "ConnectionFailed" });
  await assert.rejects(client.transcribe("no such file.mp3"), { code: "ENOENT" });
});

test("a refusal that comes while the file is still sent is read", async (t) => {
  const server = http.createServer((_, response) => refuse(response, 413, "file_too_large", { Connection: "close" }));
  const url = await listening(t, server);
  async function* endless() {
    for (;;) yield new Uint8Array(65_536);
  }
  await assert.rejects(new sdk.Client({ baseUrl: url }).transcribe(endless()), { name: "TooLarge", status: 413 });
});

test("who gives up gets the own reason, and the service learns of it", async (t) => {
  const server = http.createServer((request) => request.resume());
  const url = await listening(t, server);
  for (const work of [
    (client, signal) => client.transcribe(SOUND, { signal }),
    (client, signal) => client.summarize("Long.", { signal }),
    (client, signal) => collect(client.summarize("Long.", { stream: true, signal })),
  ]) {
    const leaving = new AbortController();
    const arrived = once(server, "request");
    const done = assert.rejects(work(new sdk.Client({ baseUrl: url }), leaving.signal), /enough/);
    const [request] = await arrived;
    const left = once(request.socket, "close");
    leaving.abort(new Error("enough"));
    await Promise.all([done, left]);
  }
});

test("a summary's pieces come whole however the network cuts them", async (t) => {
  const events = ["¿Qué", " decidió", " Müller? 🙂"].map((text) => `event: delta\ndata: ${JSON.stringify({ text })}\n\n`);
  const last = { summary: "¿Qué decidió Müller? 🙂", style: "brief", model: "m" };
  const body = Buffer.from(`: still at work\n\n${events.join("")}event: summary\ndata: ${JSON.stringify(last)}\n\n`);
  const { url } = await serving(t, async (_, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    for (const byte of body) response.write(Buffer.of(byte));
    response.end();
  });
  const reported = await collect(new sdk.Client({ baseUrl: url }).summarize("Long.", { stream: true }));
  assert.equal(reported.slice(0, -1).map(({ text }) => text).join(""), last.summary);
  assert.deepEqual(reported.at(-1), { type: "summary", ...last });
});

test("a summary that fails or breaks off on the way throws", async (t) => {
  const failure = JSON.stringify({ error: "Too busy.", code: "overloaded", request_id: "r2" });
  const { url } = await serving(t, (_, response, count) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write('event: delta\ndata: {"text": "A"}\n\n');
    response.end(count === 1 ? `event: error\ndata: ${failure}\n\n` : "");
  });
  const client = new sdk.Client({ baseUrl: url });
  const failed = { name: "Unavailable", message: "Too busy.", requestId: "r2" };
  await assert.rejects(collect(client.summarize("Long.", { stream: true })), failed);
  await assert.rejects(collect(client.summarize("Long.", { stream: true })), sdk.ConnectionFailed);
});

test("what is left is noted", async (t) => {
  const left = { "RateLimit-Limit": "3", "RateLimit-Remaining": "2", "RateLimit-Reset": "99" };
  const { url } = await serving(t, (_, response) => answer(response, { text: "" }, left));
  const client = new sdk.Client({ baseUrl: url });
  assert.equal(client.allowance, null);
  await client.transcribe(new URL("hello_3s.flac", DATA));
  assert.deepEqual(client.allowance, { limit: 3, remaining: 2, resetsIn: 99 });
});

test("a transcript is reported while it is made, and comes as it would have come without", async (t) => {
  const events = [
    ["progress", { done: 0, total: 4 }], ["delta", { text: "Hello," }], ["progress", { done: 2, total: 4 }],
    ["delta", { text: " you." }], ["transcript", { text: "Hello, you.", warnings: [{ code: "quiet", message: "Quiet." }] }],
  ].map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join(": still at work\n\n");
  const type = { "Content-Type": "text/event-stream; charset=utf-8" };
  const { url, requests } = await serving(t, (_, response, count) => {
    if (count === 3) return answer(response, 'event: error\ndata: {"error": "Lost.", "code": "replica_lost"}\n\n', type);
    if (count === 4) return answer(response, 'event: transcript\ndata: {"content": "1\\n", "model": "m"}\n\n', type);
    response.writeHead(200, type);
    response.write(events.slice(0, 100));
    if (count === 1) return setImmediate(() => response.destroy()); // and comes again
    setImmediate(() => response.end(events.slice(100)));
  });
  const client = new sdk.Client({ baseUrl: url, maxRetries: 1 });
  const [text, progress, warned] = [[], [], []];
  const options = { onText: (...reported) => text.push(reported), onTranscribed: (...reported) => progress.push(reported) };
  const transcript = await client.transcribe(SOUND, { ...options, onWarnings: (warnings) => warned.push(...warnings) });
  assert.equal(transcript.text, "Hello, you.");
  assert.deepEqual(text.at(-1), [" you.", "Hello, you."]);
  assert.deepEqual(progress.slice(-2), [[0, 4], [2, 4]]);
  assert.deepEqual(warned, [{ code: "quiet", message: "Quiet." }]);
  assert.match(requests[0].body, /name="stream"\r\n\r\ntrue\r\n/);
  await assert.rejects(client.transcribe(SOUND, options), { name: "Unavailable", code: "replica_lost" });
  assert.equal(await client.transcribe(SOUND, { ...options, responseFormat: "srt" }), "1\n");
});

test("a microphone outside of a page says where there is one", async () => {
  await assert.rejects(new sdk.Microphone().open(), { message: /works in web pages.*async iterable/s });
});
