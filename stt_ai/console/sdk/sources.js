// What can be streamed: a microphone, a file, or pieces of sound as they come.
import { sleep } from "./requests.js";
import { openedFile } from "./uploads.js";

const RATE = 16_000;
const PIECE_S = 0.1;
const WIDTH = { pcm_s16le: 2, mulaw: 1, alaw: 1 };
const WAV_CODES = { 1: "pcm_s16le", 6: "alaw", 7: "mulaw" };

/** `{pieces, encoding, sampleRate, rate}`: an async iterable of Uint8Array, and how many bytes make a second. */
export async function speech(source, { encoding, sampleRate, realTime = false }) {
  let sound = { pieces: source, encoding: encoding ?? "pcm_s16le", sampleRate: sampleRate ?? RATE };
  if (typeof source?.open === "function") {
    await source.open();
    sound = { ...sound, sampleRate: source.sampleRate };
  } else if (typeof source === "string" || source instanceof URL || source instanceof Blob || isBytes(source)) {
    sound = await spokenFile(source, encoding, sound);
  }
  const rate = (WIDTH[sound.encoding] ?? 0) * sound.sampleRate;
  const pieces = bytes(sound.pieces);
  return { ...sound, rate, pieces: realTime && rate ? paced(pieces, rate) : pieces };
}

function isBytes(source) {
  return source instanceof ArrayBuffer || ArrayBuffer.isView(source);
}

async function spokenFile(source, encoding, sound) {
  const file = await openedFile(source);
  if (encoding) return { ...sound, pieces: file.pieces() };
  const head = await firstBytes(file.pieces(), 4096);
  const magic = String.fromCharCode(...head.subarray(0, 4));
  if (magic === "OggS" || magic === "\x1aE\xdf\xa3") return { ...sound, encoding: "opus", pieces: file.pieces() };
  const wav = magic === "RIFF" ? wavFormat(head) : null;
  if (wav) return { ...sound, ...wav, pieces: from(file.pieces(), wav.start) };
  if (/\.(pcm|raw|s16le)$/i.test(file.name)) return { ...sound, pieces: file.pieces() };
  if (typeof OfflineAudioContext !== "undefined") return { ...sound, sampleRate: RATE, pieces: decoded(file.blob()) };
  throw new TypeError(
    `${file.name} is not 16-bit mono WAV, Opus in Ogg or WebM, or raw audio whose \`encoding\` is named. Transcribe ` +
      "it as a file, or convert it to one of these first.",
  );
}

/** Of a WAV file of one channel in an encoding that the service takes; null: of another. */
function wavFormat(head) {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  let found = null;
  for (let at = 12; at + 8 <= head.length; at += 8 + size(at) + (size(at) & 1)) {
    const name = view.getUint32(at);
    if (name === 0x666d7420 && at + 24 <= head.length) {
      const [code, channels] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
      const bits = view.getUint16(at + 22, true);
      const encoding = channels === 1 ? WAV_CODES[code] : undefined;
      if (WIDTH[encoding] * 8 === bits) found = { encoding, sampleRate: view.getUint32(at + 12, true) };
    }
    if (name === 0x64617461) return found && { ...found, start: at + 8 };
  }
  return null;

  function size(at) {
    return view.getUint32(at + 4, true);
  }
}

/** Whatever a browser can play, as 16-bit mono at the service's rate. */
async function* decoded(blob) {
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await blob.arrayBuffer());
  const channels = Array.from({ length: sound.numberOfChannels }, (_, index) => sound.getChannelData(index));
  for (let start = 0; start < sound.length; start += RATE) {
    const samples = new Int16Array(Math.min(RATE, sound.length - start));
    for (let at = 0; at < samples.length; at++) {
      let sum = 0;
      for (const channel of channels) sum += channel[start + at];
      samples[at] = Math.round(Math.max(-1, Math.min(1, sum / channels.length)) * 32767);
    }
    yield samples;
  }
}

async function firstBytes(pieces, count) {
  const head = new Uint8Array(count);
  let filled = 0;
  for await (const piece of bytes(pieces)) {
    const part = piece.subarray(0, count - filled);
    head.set(part, filled);
    filled += part.length;
    if (filled === count) break;
  }
  return head.subarray(0, filled);
}

async function* from(pieces, start) {
  let at = 0;
  for await (const piece of bytes(pieces)) {
    if (at + piece.length > start) yield piece.subarray(Math.max(0, start - at));
    at += piece.length;
  }
}

/** Any stream of any bytes as Uint8Array; not all browsers' streams are iterable. */
async function* bytes(pieces) {
  if (pieces?.[Symbol.asyncIterator] === undefined && typeof pieces?.getReader === "function") pieces = read(pieces);
  for await (const piece of pieces) {
    yield ArrayBuffer.isView(piece)
      ? new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength)
      : new Uint8Array(piece);
  }
}

async function* read(stream) {
  const reader = stream.getReader();
  try {
    for (let next; !(next = await reader.read()).done; ) yield next.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** In tenths of a second, none before it would have been spoken. */
async function* paced(pieces, rate) {
  const size = Math.round(rate * PIECE_S) & ~1;
  const began = performance.now();
  let sent = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += size) {
      const part = piece.subarray(at, at + size);
      sent += part.length;
      const early = sent / rate - (performance.now() - began) / 1000;
      if (early > 0) await sleep(early);
      yield part;
    }
  }
}
