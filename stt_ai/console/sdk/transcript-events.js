// A transcript that comes as server-sent events while the file is transcribed, put together as one answer.
import { ConnectionFailed, errorOfMessage } from "./errors.js";

export class TranscriptEvents {
  #waiting = "";
  #text = "";
  #last = null;

  /** `onText(piece, textSoFar)`; `onTranscribed(done, total)` in seconds of audio. */
  constructor({ onText, onTranscribed, responseFormat = "json" }) {
    Object.assign(this, { onText, onTranscribed, asJson: responseFormat === "json" });
  }

  /** Another attempt: its text begins anew. */
  begin() {
    [this.#waiting, this.#text, this.#last] = ["", "", null];
  }

  /** The next piece of the body. */
  read(piece) {
    const blocks = (this.#waiting + piece).split("\n\n");
    this.#waiting = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const field = (name) => lines.find((line) => line.startsWith(name))?.slice(name.length);
      const [event, data] = [field("event: "), field("data: ")];
      if (event && data) this.#dispatch(event, JSON.parse(data));
    }
  }

  /** The answer as if it had come without events. Throws the failure that came as an event. */
  end(answer) {
    if (!answer.header("content-type")?.startsWith("text/event-stream")) return answer;
    if (this.#last?.event === "error") throw errorOfMessage(this.#last.data);
    if (!this.#last) throw new ConnectionFailed("The connection broke before the transcript was complete.");
    const { data } = this.#last;
    const text = async () => (this.asJson ? JSON.stringify(data) : data.content);
    return { ...answer, text, warnings: data.warnings };
  }

  #dispatch(event, data) {
    if (event === "progress") this.onTranscribed?.(data.done, data.total);
    else if (event === "delta") this.onText?.(data.text, (this.#text += data.text));
    else if (event === "transcript" || event === "error") this.#last = { event, data };
  }
}
