// Runs in the browser's audio thread: hands over what the microphone records as 16-bit mono, in tenths of a second.

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.samples = new Int16Array(Math.round(sampleRate / 10));
    this.filled = 0;
    this.stopped = false;
    this.port.onmessage = () => {
      this.hand(this.filled);
      this.port.postMessage(null);
      this.stopped = true;
    };
  }

  process([channels]) {
    if (this.stopped) return false;
    const count = channels.length;
    for (let at = 0; count && at < channels[0].length; at++) {
      let sum = 0;
      for (const channel of channels) sum += channel[at];
      const value = Math.max(-1, Math.min(1, sum / count));
      this.samples[this.filled++] = Math.round(value * 32767);
      if (this.filled === this.samples.length) this.hand(this.filled);
    }
    return true;
  }

  hand(count) {
    const piece = this.samples.slice(0, count);
    this.filled = 0;
    if (count) this.port.postMessage(piece, [piece.buffer]);
  }
}

registerProcessor("stt-ai-recorder", Recorder);
