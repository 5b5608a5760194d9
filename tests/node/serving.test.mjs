// What the console says of the models that serve, and where it shows an answer's warnings.
import assert from "node:assert/strict";
import { test } from "node:test";

import { menuName, modelName, placed, speakersNote, transcriptionNote } from "../../stt_ai/console/serving.js";

const LARGE = { id: "large-v3-turbo", name: "Whisper Large V3 Turbo", default: true, available: false, served_by: "whisper-base" };
const SMALL = { id: "small", name: "Whisper Small", default: false, available: true, served_by: "small" };
const MEDIUM = { id: "medium", name: "Whisper Medium", default: false, available: null, served_by: null };
const MODELS = [SMALL, LARGE, MEDIUM];
const part = (name, demo) => ({ name, ok: true, detail: "", served_by: "x", origin: null, demo });

test("models have the names of the menu, or readable ones", () => {
  assert.equal(modelName("whisper-base", MODELS), "Whisper Base");
  assert.equal(modelName("small", MODELS), "Whisper Small");
  assert.deepEqual(MODELS.map((model) => menuName(model, MODELS)), [
    "Whisper Small", "Whisper Large V3 Turbo (Whisper Base serves)", "Whisper Medium",
  ]);
  const none = { ...LARGE, served_by: null };
  assert.equal(menuName(none, [none]), none.name);
});

test("what serves in place of the chosen model is said, and nothing of one that is itself or not known", () => {
  assert.equal(transcriptionNote("", MODELS, []), "Transcription uses Whisper Base.");
  assert.equal(transcriptionNote("large-v3-turbo", MODELS, []), "Transcription uses Whisper Base.");
  assert.equal(transcriptionNote("small", MODELS, [part("transcriber-large-v3-turbo", true)]), "");
  assert.equal(transcriptionNote("medium", MODELS, []), "");
  assert.match(transcriptionNote("", MODELS, [part("transcriber-large-v3-turbo", true)]), /demo model/);
});

test("a demo diarizer is said to be one, and to concern names alone", () => {
  assert.equal(speakersNote([part("diarizer", true)]), "Speaker names come from a demo model and may be wrong.");
  assert.equal(speakersNote([part("diarizer", false), part("transcriber-small", true)]), "");
});

test("each warning has its place, and one of a later service is shown above the text", () => {
  const [model, speakers, missing, demo, later] = ["model_substituted", "demo_diarization", "audio_missing", "demo_model", "new"]
    .map((code) => ({ code, message: code }));
  assert.deepEqual(placed([model, missing, speakers, demo, later]), { text: [missing, demo, later], model: [model], speakers: [speakers] });
  assert.deepEqual(placed(undefined), { text: [], model: [], speakers: [] });
});
