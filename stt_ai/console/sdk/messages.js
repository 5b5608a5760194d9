// A stream's messages as the service spells them, and as this client does.
import { listedKeywords } from "./fields.js";

/** The first message: what was asked for, and the form of the sound. */
export function configOf(options, { encoding, sampleRate }) {
  const { language, model, endpointing, prompt, keywords } = options;
  const { interimResults, utteranceEndMs, vadEvents, wordTimestamps } = options;
  return {
    ...{ language, model, endpointing, prompt, keywords: listedKeywords(keywords), encoding, sample_rate: sampleRate },
    ...{ interim_results: interimResults, utterance_end_ms: utteranceEndMs },
    ...{ vad_events: vadEvents, word_timestamps: wordTimestamps },
  };
}

/** With a `type`; null for a message of a kind that is not known here. */
export function eventOf(message) {
  if (message.status === "ready") return { type: "ready", ...message };
  if (message.is_final) return { type: "ended", text: message.text, duration: message.duration };
  if (message.event) return { type: message.event, ...message };
  const { partial, ...rest } = message;
  if (rest.segment_id !== undefined) return { type: "final", ...rest };
  return partial === undefined ? null : { type: "partial", text: partial, ...rest };
}
