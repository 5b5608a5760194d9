// What only Node (and those who have its modules) can do: files by their paths, and posts by node:http. Its own
// fetch would give up after five minutes without an answer, and drops one that comes while the body is still sent.
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import { failed } from "./requests.js";

const PIECE = 65_536;

export { NodeSocket } from "./node-socket.js";

export async function fileAt(path) {
  if (path instanceof URL) path = fileURLToPath(path);
  const found = await stat(path);
  if (found.isDirectory()) {
    throw Object.assign(new Error(`${path} is a folder; give the path of one recording.`), { code: "EISDIR" });
  }
  const { size } = found;
  return { name: basename(path), size, pieces: () => createReadStream(path), slice: (start, end) => sliceOf(path, start, end) };
}

async function sliceOf(path, start, end) {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(new Uint8Array(end - start), 0, end - start, start);
    if (bytesRead < end - start) throw new Error(`${path} has become shorter while it was sent.`);
    return buffer;
  } finally {
    await file.close();
  }
}

/**
 * Posts what `pieces()` yields: `{status, header(name), text()}`, also when the answer comes before all is sent. What
 * `pieces()` and `onProgress` throw is thrown as it is: it is the caller's own.
 */
export function posted(url, { headers, pieces, total, onProgress, onBody, signal }) {
  const length = total === null ? {} : { "Content-Length": total };
  return new Promise((resolve, reject) => {
    const request = (url.startsWith("https:") ? https : http).request(url, {
      method: "POST",
      headers: { ...headers, ...length },
      signal,
    });
    let answered = false;
    const fail = (cause) => reject(failed(url, signal, cause));
    request.on("response", (response) => {
      answered = true;
      received(response, onBody).then(resolve, fail).finally(() => request.destroy());
    });
    request.on("error", (error) => answered || fail(error));
    const going = () => !answered && !request.destroyed;
    send(request, pieces(), going, (sent) => onProgress?.(sent, total)).catch((error) => {
      request.destroy();
      reject(error);
    });
  });
}

async function send(request, pieces, going, onSent) {
  let sent = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += PIECE) {
      if (!going()) return;
      const part = piece.subarray(at, at + PIECE);
      if (!request.write(part)) await drained(request);
      onSent((sent += part.length));
    }
  }
  request.end();
}

function drained(request) {
  return new Promise((resolve) => {
    const go = () => {
      for (const event of ["drain", "close", "response"]) request.off(event, go);
      resolve();
    };
    for (const event of ["drain", "close", "response"]) request.on(event, go);
  });
}

async function received(response, onBody) {
  response.setEncoding("utf8");
  let body = "";
  for await (const piece of response) {
    body += piece;
    if (response.statusCode < 400) onBody?.(piece);
  }
  const header = (name) => response.headers[name] ?? null;
  return { status: response.statusCode, header, text: async () => body };
}
