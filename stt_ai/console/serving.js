// Which model serves each part, where that is not the one asked for: said once, in small print, beside that part.

/** whisper-base -> Whisper Base; a model of the menu by its own name. */
export function modelName(label, models = []) {
  const listed = models.find(({ id }) => id === label);
  return listed?.name ?? label.split("-").map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
}

/** What a menu shows of a model. */
export function menuName(model, models) {
  return model.available === false && model.served_by ? `${model.name} (${modelName(model.served_by, models)} serves)` : model.name;
}

/** What to know before a file is sent to the model `id` (empty: the default one), or before speaking to it. */
export function transcriptionNote(id, models, parts) {
  const model = models.find((one) => (id ? one.id === id : one.default));
  if (model?.available !== false || !model.served_by) return "";
  const demo = parts.find(({ name }) => name === `transcriber-${model.id}`)?.demo;
  if (demo) return "Text comes from a demo model, which gets real speech wrong.";
  return `Transcription uses ${modelName(model.served_by, models)}.`;
}

/** What to know of names of speakers. */
export function speakersNote(parts) {
  const demo = parts.find(({ name }) => name === "diarizer")?.demo;
  return demo ? "Speaker names come from a demo model and may be wrong." : "";
}

const PLACES = {
  model_substituted: "model",
  demo_diarization: "speakers",
  diarization_substituted: "speakers",
};

/** An answer's warnings by the place where they are shown: `text`, `model` or `speakers`. */
export function placed(warnings = []) {
  const places = { text: [], model: [], speakers: [] };
  for (const warning of warnings) places[PLACES[warning.code] ?? "text"].push(warning);
  return places;
}
