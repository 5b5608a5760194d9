// Files on their way: in browsers by XMLHttpRequest, which alone tells how far an upload is, elsewhere by node:http.
import { failed, fetched, randomName } from "./requests.js";

/** Whether this is a page, or a worker of one. */
export const inPage = typeof XMLHttpRequest !== "undefined";

/** What only Node has. The folder's package.json tells bundlers for browsers to leave it out. */
export const forNode = () => import("./node.js");

/**
 * A file to be sent, from a path (Node), File, Blob, bytes, ReadableStream or other async iterable of bytes:
 * `{name, size, again, blob(), pieces(), slice(start, end)}`. `size` null: not known before. `again`: it can be read more
 * than once, in parts too.
 */
export async function openedFile(source, name) {
  if (typeof source === "string" || source instanceof URL) {
    if (inPage) throw new TypeError("A page cannot read a path: give a File, such as an input's `files[0]`.");
    const file = await (await forNode()).fileAt(source);
    return { ...file, name: name ?? file.name, again: true };
  }
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) source = new Blob([source]);
  if (inPage && !(source instanceof Blob) && isStream(source)) source = await collected(source);
  if (source instanceof Blob) {
    const [pieces, slice] = [() => source.stream(), (start, end) => source.slice(start, end)];
    return { name: name ?? source.name ?? "audio", size: source.size, again: true, blob: () => source, pieces, slice };
  }
  if (!isStream(source)) throw new TypeError("The file must be a path, File, Blob, bytes, or a stream of bytes.");
  return { name: name ?? "audio", size: null, again: false, pieces: () => source };
}

/** Whether `source` can be read only once. */
export function isStream(source) {
  return typeof source?.getReader === "function" || typeof source?.[Symbol.asyncIterator] === "function";
}

/** A page sends only what is whole. */
async function collected(source) {
  if (typeof source.getReader === "function") return new Response(source).blob();
  const pieces = [];
  for await (const piece of source) pieces.push(piece);
  return new Blob(pieces);
}

/**
 * Sends `fields` and then `file`, if there is one, as a form. `onProgress(sent, total)` in bytes of the form; total null: not known.
 * `onBody(text)` is called with the answer's body piece by piece.
 */
export async function uploaded(url, { headers, fields, file, onProgress, onBody, signal }) {
  if (inPage) return byXhr(url, headers, form(fields, file), { onProgress, onBody, signal });
  const parts = multipart(fields, file);
  return (await forNode()).posted(url, { ...parts, headers: { ...headers, ...parts.headers }, onProgress, onBody, signal });
}

/** As `fetched`, for a POST whose answer may take longer than the five minutes that Node's own fetch waits. */
export async function patient(url, { headers, body, signal }) {
  if (inPage) return fetched(url, { method: "POST", headers, body, signal });
  const bytes = new TextEncoder().encode(body);
  return (await forNode()).posted(url, { headers, pieces: () => [bytes], total: bytes.length, signal });
}

function form(fields, file) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  if (file) data.append("file", file.blob(), file.name);
  return data;
}

function byXhr(url, headers, body, { onProgress, onBody, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const leave = () => request.abort();
    const settle = (settled, value) => {
      signal?.removeEventListener("abort", leave);
      settled(value);
    };
    request.open("POST", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    // A listener on the upload makes the browser ask for leave first where the service is another origin.
    if (onProgress) request.upload.onprogress = ({ loaded, total }) => onProgress(loaded, total);
    let read = 0;
    const report = () => {
      if (onBody && request.status < 400) onBody(request.responseText.slice(read));
      read = request.responseText.length;
    };
    request.onprogress = report;
    request.onload = () => {
      report();
      const header = (name) => request.getResponseHeader(name);
      settle(resolve, { status: request.status, header, text: async () => request.responseText });
    };
    request.onerror = () => settle(reject, failed(url, signal));
    request.onabort = () => settle(reject, failed(url, signal));
    signal?.addEventListener("abort", leave, { once: true });
    request.send(body);
  });
}

/** The form as bytes, RFC 7578: the file's are never all in memory. Names are escaped as browsers do. */
function multipart(fields, file) {
  const boundary = `stt-ai-${randomName()}`;
  const quoted = (name) => name.replace(/\r\n|[\r\n]/g, "%0D%0A").replaceAll('"', "%22");
  const part = (rest) => `--${boundary}\r\nContent-Disposition: form-data; ${rest}`;
  const before = Object.entries(fields).map(([name, value]) => part(`name="${quoted(name)}"\r\n\r\n${value}\r\n`));
  if (file) before.push(part(`name="file"; filename="${quoted(file.name)}"\r\nContent-Type: application/octet-stream\r\n\r\n`));
  const end = `${file ? "\r\n" : ""}--${boundary}--\r\n`;
  const [head, tail] = [before.join(""), end].map((text) => new TextEncoder().encode(text));
  const size = file ? file.size : 0;
  const total = size === null ? null : head.length + size + tail.length;
  return {
    headers: { "Content-Type": `multipart/form-data; boundary=${boundary}` },
    total,
    async *pieces() {
      yield head;
      if (file) yield* file.pieces();
      yield tail;
    },
  };
}
