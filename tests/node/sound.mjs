/** A WAV file of silence; `list`: bytes of a chunk of other things before the sound. */
export function wav({ rate = 16_000, seconds = 1, code = 1, channels = 1, bits = 16, list = 0 }) {
  const chunk = (name, body) => {
    const head = Buffer.alloc(8);
    head.write(name, "latin1");
    head.writeUInt32LE(body.length, 4);
    return Buffer.concat([head, body, Buffer.alloc(body.length & 1)]);
  };
  const format = Buffer.alloc(16);
  const width = (channels * bits) / 8;
  format.writeUInt16LE(code, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt32LE(rate * width, 8);
  format.writeUInt16LE(width, 12);
  format.writeUInt16LE(bits, 14);
  const extra = list ? chunk("LIST", Buffer.alloc(list - 1)) : Buffer.alloc(0);
  const sound = chunk("data", Buffer.alloc(rate * seconds * width));
  return new Blob([chunk("RIFF", Buffer.concat([Buffer.from("WAVE"), extra, chunk("fmt ", format), sound]))]);
}
