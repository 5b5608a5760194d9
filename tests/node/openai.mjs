// OpenAI's own client against the service: openai.mjs <url> <recording>. Prints what it got as JSON.
import { createReadStream } from "node:fs";
import OpenAI from "openai";

const [url, recording] = process.argv.slice(2);
const client = new OpenAI({ apiKey: process.env.KEY, baseURL: `${url}/v1`, maxRetries: 0 });
const ask = (fields) =>
  client.audio.transcriptions.create({ file: createReadStream(recording), model: "whisper-1", ...fields });

const got = { models: [], streamed: { deltas: [] } };
for await (const model of client.models.list()) got.models.push(model.id);
for (const response_format of ["json", "text", "srt", "vtt", "diarized_json"])
  got[response_format] = await ask({ response_format });
got.verbose_json = await ask({
  response_format: "verbose_json",
  timestamp_granularities: ["word", "segment"],
  language: "en",
  prompt: "Emma",
  temperature: 0,
});
for await (const event of await ask({ stream: true })) {
  if (event.type === "transcript.text.delta") got.streamed.deltas.push(event.delta);
  if (event.type === "transcript.text.done") got.streamed.done = event.text;
}
try {
  await ask({ model: "gpt-5" });
} catch (error) {
  const { status, code, param, requestID } = error;
  got.refused = { name: error.constructor.name, status, code, param, requestID };
}
console.log(JSON.stringify(got));
