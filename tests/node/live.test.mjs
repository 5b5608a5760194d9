// Live streams: of a service that writes the word `w<n>` for every second n, directly and over connections that are cut.
import assert from "node:assert/strict";
import http from "node:http";
import { describe, test } from "node:test";

import { Backlog } from "../../stt_ai/console/sdk/backlog.js";
import { NodeSocket } from "../../stt_ai/console/sdk/node-socket.js";
import { PageSocket } from "../../stt_ai/console/sdk/page-socket.js";
import { Client, collect, cutting, listening } from "./sdk.mjs";

const { SERVICE, FORGETFUL, DIGESTS, REFUSING } = process.env;
const SECONDS = 30;
const SAID = Array.from({ length: SECONDS }, (_, second) => `w${second}`).join(" ");
const RATE = 16_000;

/** Silence in pieces of odd lengths, also such that a sample is cut in two. */
async function* speech(seconds = SECONDS, rate = RATE) {
  const total = seconds * rate * 2;
  for (let at = 0, size = 1; at < total; at += size, size = (size * 7 + 13) % 9001) {
    yield new Uint8Array(Math.min(size, total - at));
  }
}

function checkWhole(events, seconds = SECONDS) {
  const finals = events.filter(({ type }) => type === "final");
  const said = finals.map(({ text }) => text).filter(Boolean);
  assert.equal(said.join(" "), SAID);
  assert.deepEqual(finals.map(({ segment_id }) => segment_id), finals.map((_, index) => index));
  assert.deepEqual(events.at(-1), { type: "ended", text: "", duration: seconds });
}

describe("a live stream", { concurrency: 4 }, () => {
  test("a whole stream", async () => {
    const stream = new Client({ baseUrl: SERVICE }).stream(speech(), { language: "en" });
    const events = await collect(stream);
    checkWhole(events);
    assert.equal(events[0].type, "ready");
    assert.equal(events[0].session_id, stream.sessionId);
    assert.deepEqual(events[0].warnings.map(({ code }) => code), ["demo_model"]);
    assert.ok(events.some(({ type, text }) => type === "partial" && text === "w0 w1"));
  });

  for (const [memory, url] of [["remembers", SERVICE], ["has forgotten", FORGETFUL]]) {
    for (const [index, cuts] of [[1_000, 300_000, 5_000], [90_000, 90_001, 250_000], [959_000]].entries()) {
      test(`nothing is lost or reported twice over cuts, where the service ${memory} them (${index})`, async (t) => {
        const proxy = await cutting(t, url, cuts);
        const events = await collect(new Client({ baseUrl: proxy.url }).stream(speech(), { language: "en" }));
        checkWhole(events);
        assert.equal(events.filter(({ type }) => type === "reconnecting").length, cuts.length);
        assert.deepEqual(proxy.left, []);
      });
    }
  }

  test("too many cuts in a row end it", async (t) => {
    const proxy = await cutting(t, SERVICE, [1, 1, 1, 1]);
    const client = new Client({ baseUrl: proxy.url, maxRetries: 2 });
    await assert.rejects(collect(client.stream(speech())), { name: "ConnectionFailed" });
    assert.equal(proxy.left.length, 1);
  });

  test("stop ends a source that never does, and finalize an utterance", async () => {
    async function* endless() {
      for (;;) yield new Int16Array(1600);
    }
    const stream = new Client({ baseUrl: SERVICE }).stream(endless(), { realTime: true });
    const events = [];
    for await (const event of stream) {
      events.push(event);
      if (event.type === "partial") stream.finalize();
      if (event.from_finalize) stream.stop();
    }
    const others = events.map(({ type }) => type).filter((type) => !["partial", "final"].includes(type));
    assert.deepEqual(others, ["ready", "ended"]);
    assert.match(events.find((event) => event.from_finalize).text, /^w0/);
    assert.ok(events.at(-1).duration < SECONDS);
  });

  test("stopped before it began, it reports nothing", async () => {
    const stream = new Client({ baseUrl: SERVICE }).stream(speech());
    stream.stop();
    const events = await collect(stream);
    assert.deepEqual(events.map(({ type }) => type), ["ready", "ended"]);
  });

  test("who leaves in the middle closes the connection and the source", async () => {
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield new Int16Array(1600);
      } finally {
        closed = true;
      }
    }
    for await (const { type } of new Client({ baseUrl: SERVICE }).stream(endless())) if (type === "final") break;
    while (!closed) await new Promise(setImmediate);
  });

  test("aborting throws the own reason", async () => {
    const leaving = new AbortController();
    const stream = new Client({ baseUrl: SERVICE }).stream(speech(SECONDS), { realTime: true, signal: leaving.signal });
    await assert.rejects(async () => {
      for await (const { type } of stream) if (type === "partial") leaving.abort(new Error("enough"));
    }, /enough/);
  });

  test("a source that fails fails the stream", async () => {
    async function* broken() {
      yield new Int16Array(1600);
      throw new Error("unplugged");
    }
    await assert.rejects(collect(new Client({ baseUrl: SERVICE }).stream(broken())), /unplugged/);
  });

  test("what the service says against it is thrown", async () => {
    const stream = (options) => collect(new Client({ baseUrl: SERVICE, ...options.client }).stream(speech(3), options));
    await assert.rejects(stream({ model: "huge" }), { name: "BadRequest", code: "invalid_parameter", message: /`model`/ });
    await assert.rejects(stream({ sampleRate: 7 }), { code: "invalid_parameter", message: /`sample_rate`/ });
    await assert.rejects(stream({ encoding: "mp3" }), { code: "unsupported_encoding" });
    const refused = collect(new Client({ baseUrl: REFUSING, apiKey: "YOUR_API_KEY" }).stream(speech(3)));
    await assert.rejects(refused, { name: "AuthenticationFailed", status: 401, code: "unauthorized", requestId: /./ });
  });

  test("a refusal that breaks off is a connection that failed", async (t) => {
    const server = http.createServer();
    server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 503 No\r\nContent-Length: 99\r\n\r\n{"));
    const client = new Client({ baseUrl: await listening(t, server), maxRetries: 0 });
    await assert.rejects(collect(client.stream(speech())), { name: "ConnectionFailed" });
  });

  test("a file is decoded as what it says it is", async (t) => {
    const { wav } = await import("./sound.mjs");
    for (const [source, options, seconds] of [
      [wav({ rate: 8_000, seconds: 6 }), {}, 6],
      [wav({ rate: 48_000, seconds: 3, list: 4_000 }), {}, 3],
      [wav({ rate: 8_000, seconds: 9, code: 7, bits: 8 }), {}, 9],
      [new File([new Uint8Array(6 * 32_000)], "talk.PCM"), {}, 6],
      [new Uint8Array(3 * 8_000), { encoding: "alaw", sampleRate: 8_000 }, 3],
      [new Blob([new Uint8Array(6 * 32_000)]).stream(), {}, 6],
    ]) {
      const events = await collect(new Client({ baseUrl: SERVICE }).stream(source, options));
      assert.equal(events.at(-1).duration, seconds);
    }
    const client = new Client({ baseUrl: SERVICE });
    for (const source of [wav({ channels: 2 }), new File(["ID3"], "song.mp3")]) {
      await assert.rejects(collect(client.stream(source)), TypeError);
    }
  });

  for (const Kind of [NodeSocket, PageSocket]) {
    test(`frames of every size arrive whole, and fragments and pings do no harm (${Kind.name})`, async () => {
      const socket = await Kind.open(DIGESTS);
      const { createHash } = await import("node:crypto");
      const digests = [];
      for (const size of [0, 1, 125, 126, 65_535, 65_536, 900_001]) {
        const bytes = Buffer.alloc(size).map((_, index) => index % 251);
        digests.push(createHash("sha256").update(bytes).digest("hex"));
        await socket.send(bytes);
      }
      await socket.send("✓ done");
      assert.deepEqual(await collect(socket), [...digests, "✓ done"]);
      assert.equal(socket.closeCode, 4321);
    });
  }

  for (const seed of Array.from({ length: 20 }, (_, index) => index + 1)) {
    test(`what may have to be said again is there, to the byte (${seed})`, async () => {
      let state = seed;
      const random = (most) => (state = (state * 48_271) % 2_147_483_647) % (most + 1);
      const all = Uint8Array.from({ length: 5_000 }, () => random(255));
      const backlog = new Backlog(1_000);
      const pieces = [];
      for (let at = 0, size; at < all.length; at += size) {
        size = 1 + random(400);
        pieces.push(all.subarray(at, at + size));
      }
      const filling = (async () => {
        for (const piece of pieces) await backlog.append(piece);
        backlog.finish();
      })();
      for (let whole = false; !whole; ) {
        let [cut, at] = [random(12), backlog.begin];
        whole = true;
        for await (const piece of backlog.pieces(() => true)) {
          assert.deepEqual(piece, all.subarray(at, at + piece.length));
          at += piece.length;
          backlog.forget(random(at + 500));
          assert.ok(backlog.begin <= at);
          if (!(whole = cut-- > 0)) break;
        }
        if (whole) assert.equal(at, all.length);
      }
      await filling;
    });
  }
});
