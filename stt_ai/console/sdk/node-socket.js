// A WebSocket for Node, RFC 6455: Node 20 has none, and the later ones' tells neither a refusal's reason nor when
// there is room to send.
import { createHash, randomBytes } from "node:crypto";
import http from "node:http";
import https from "node:https";

import { ConnectionFailed, errorOf } from "./errors.js";
import { Queue } from "./queue.js";

const [TEXT, BINARY, CLOSE, PING, PONG] = [0x1, 0x2, 0x8, 0x9, 0xa];
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** An async iterable of the texts that come. `closeCode` once it has ended; 1006: without a word. */
export class NodeSocket {
  #socket;
  #texts = new Queue();
  #buffer = Buffer.alloc(0);
  #fragments = [];
  closeCode = null;

  /** Throws what the service says where it refuses the stream. */
  static open(url, headers = {}, signal = undefined) {
    const { protocol, host } = new URL(url);
    const key = randomBytes(16).toString("base64");
    const accept = createHash("sha1").update(key + GUID).digest("base64");
    const request = (protocol === "wss:" ? https : http).request(url.replace(/^ws/, "http"), {
      headers: { ...headers, Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": 13, "Sec-WebSocket-Key": key },
      signal,
    });
    return new Promise((resolve, reject) => {
      const fail = (cause) => reject(new ConnectionFailed(`${host} cannot be reached.`, { cause }));
      request.on("error", fail);
      request.on("response", (response) => refusal(response).then(reject, fail));
      request.on("upgrade", (response, socket, head) => {
        if (response.headers["sec-websocket-accept"] === accept) resolve(new NodeSocket(socket, head));
        else fail(new Error("not a WebSocket's answer")), socket.destroy();
      });
      request.end();
    });
  }

  constructor(socket, head) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (data) => this.#read(data));
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#end(1006));
    if (head.length) this.#read(head);
  }

  get isOpen() {
    return this.closeCode === null;
  }

  /** Resolves when there is room for more. */
  async send(data) {
    const [kind, bytes] = typeof data === "string" ? [TEXT, Buffer.from(data)] : [BINARY, data];
    if (!this.isOpen) return;
    // Even where there is room: what has come must be read in between.
    if (this.#write(kind, bytes)) return new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => {
      const go = () => {
        this.#socket.off("drain", go).off("close", go);
        resolve();
      };
      this.#socket.on("drain", go).on("close", go);
    });
  }

  close() {
    if (!this.isOpen) return;
    this.#write(CLOSE, Buffer.from([1000 >> 8, 1000 & 255]));
    this.#end(1000);
  }

  [Symbol.asyncIterator]() {
    return this.#texts[Symbol.asyncIterator]();
  }

  #end(code) {
    this.closeCode ??= code;
    this.#texts.close();
    this.#socket.destroySoon();
  }

  #write(kind, bytes) {
    const size = bytes.length;
    const head = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10);
    head[0] = 0x80 | kind;
    head[1] = 0x80 | (size < 126 ? size : size < 65_536 ? 126 : 127);
    if (head.length === 4) head.writeUInt16BE(size, 2);
    if (head.length === 10) head.writeBigUInt64BE(BigInt(size), 2);
    const mask = randomBytes(4);
    const masked = Buffer.allocUnsafe(size);
    for (let at = 0; at < size; at++) masked[at] = bytes[at] ^ mask[at & 3];
    return this.#socket.write(Buffer.concat([head, mask, masked]));
  }

  #read(data) {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (let frame; this.isOpen && (frame = this.#frame()); ) this.#take(frame);
  }

  /** The next whole frame of what has come; null: there is none yet. */
  #frame() {
    const buffer = this.#buffer;
    if (buffer.length < 2) return null;
    const short = buffer[1] & 0x7f;
    const start = { 126: 4, 127: 10 }[short] ?? 2;
    if (buffer.length < start) return null;
    const size = start === 2 ? short : start === 4 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
    if (buffer.length < start + size) return null;
    this.#buffer = buffer.subarray(start + size);
    return { last: buffer[0] & 0x80, kind: buffer[0] & 0x0f, body: buffer.subarray(start, start + size) };
  }

  #take({ last, kind, body }) {
    if (kind === PING) this.#write(PONG, body);
    else if (kind === CLOSE) {
      this.#write(CLOSE, body.subarray(0, 2));
      this.#end(body.length >= 2 ? body.readUInt16BE(0) : 1005);
    } else if (kind < CLOSE) {
      this.#fragments.push(body);
      if (last) this.#texts.push(Buffer.concat(this.#fragments.splice(0)).toString());
    }
  }
}

async function refusal(response) {
  let body = "";
  for await (const piece of response.setEncoding("utf8")) body += piece;
  return errorOf(response.statusCode, (name) => response.headers[name] ?? null, body);
}
