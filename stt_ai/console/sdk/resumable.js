// Files that are sent in pieces, by tus 1.0.0: `client.uploads`. https://tus.io/protocols/resumable-upload
import { ConnectionFailed, NotFound, Unavailable, UploadInterrupted } from "./errors.js";
import { sleep, waitAfter } from "./requests.js";
import { openedFile } from "./uploads.js";

const PIECE_BYTES = 8 << 20;
/** From this size on, recordings of jobs are sent in pieces unless their caller says otherwise. */
export const RESUMABLE_BYTES = 100_000_000;
const VERSION = { "Tus-Resumable": "1.0.0" };

export class Uploads {
  #once;
  #maxRetries;

  /** `once(path, {method, headers, body, signal})`: one request, whose answer is good. */
  constructor(once, maxRetries) {
    this.#once = once;
    this.#maxRetries = maxRetries;
  }

  /** Sends a file, going on after a break, and gives the upload's id. `uploadId`: only the rest of that one is sent. */
  async send(source, { uploadId, filename, onProgress, signal } = {}) {
    const file = await openedFile(source, filename);
    if (!file.slice) throw new TypeError("A file that is sent in pieces must be a path, File, Blob or bytes: a stream cannot be read again.");
    return this.transfer(file, { uploadId, onProgress, signal });
  }

  /** Sends what was opened already. */
  async transfer(file, { uploadId: id = null, onProgress, signal } = {}) {
    for (let [offset, reached, failures] = [null, -1, 0]; ; ) {
      signal?.throwIfAborted();
      try {
        const state = await this.#next(file, id, offset, signal);
        if (state.length !== file.size) throw new TypeError(`The upload is of a file of ${state.length} bytes, and this one has ${file.size}.`);
        ({ id, offset } = state);
        if (offset > reached) [reached, failures] = [offset, 0];
        onProgress?.(offset, file.size);
        if (offset >= file.size) return id;
      } catch (error) {
        // The service has more of the file than it could say.
        const wait = error.code === "offset_mismatch" ? 0 : waitAfter(error, failures, false);
        if (wait === null) throw error;
        if (failures++ >= this.#maxRetries()) throw given(error, id);
        offset = null;
        await sleep(wait, signal);
      }
    }
  }

  /** Deletes an upload; one that is gone already is no failure. */
  async delete(uploadId, { signal } = {}) {
    try {
      await this.#once(pathOf(uploadId), { method: "DELETE", headers: VERSION, signal });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  /** `{id, offset, length}` after what is to be done next. */
  async #next(file, id, offset, signal) {
    if (id === null) {
      const headers = { ...VERSION, "Upload-Length": file.size, "Upload-Metadata": `filename ${base64(file.name)}` };
      return JSON.parse(await (await this.#once("/v1/uploads", { method: "POST", headers, signal })).text());
    }
    if (offset === null) return JSON.parse(await (await this.#once(pathOf(id), { signal })).text());
    const headers = { ...VERSION, "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
    const body = await file.slice(offset, Math.min(offset + PIECE_BYTES, file.size));
    const { header } = await this.#once(pathOf(id), { method: "PATCH", headers, body, signal });
    return { id, offset: Number(header("upload-offset")), length: file.size };
  }
}

/** With the id with which it can go on later, where it can. */
function given(error, uploadId) {
  const passing = error instanceof ConnectionFailed || error instanceof Unavailable;
  return uploadId !== null && passing ? new UploadInterrupted(error.message, uploadId, { cause: error }) : error;
}

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const pathOf = (id) => `/v1/uploads/${encodeURIComponent(id)}`;
