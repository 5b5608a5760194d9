// What people write with the client: it must pass the types, and what is wrong must not.
import { Client, JobEnded, Microphone, toSrt, toTsv, verifyWebhook, PaymentRequired, RateLimited, type StreamEvent, type Transcript } from "stt-ai";

const client = new Client({ apiKey: null, baseUrl: new URL("http://127.0.0.1:8000") });

export async function files(chosen: File): Promise<Transcript> {
  const subtitles: string = await client.transcribe("talk.mp4", { responseFormat: "srt", language: "es" });
  console.log(subtitles, (await client.transcribe(new Uint8Array(9))).segments[0]?.words[0]?.speaker);
  // @ts-expect-error: subtitles are text
  (await client.transcribe(chosen, { responseFormat: "vtt" })).segments;
  // @ts-expect-error: no such format
  client.transcribe(chosen, { responseFormat: "docx" });
  // @ts-expect-error: a number is no file
  client.transcribe(7);
  await client.transcribe(chosen, { strict: true, onWarnings: ([first]) => console.log(first?.code, first?.start) });
  return client.transcribe(chosen, { onProgress: (sent, total) => console.log(sent / (total ?? 1)) });
}

export async function jobs(chosen: File): Promise<string> {
  const job = await client.jobs.create(chosen, { language: "en", keywords: ["Ada"], retentionHours: 24 });
  await client.jobs.create({ url: "https://example.com/a.mp3", headers: { "X-Token": "t" } }, { keepAudio: true });
  await client.jobs.create({ uploadId: "u1" }, { webhook: { url: "https://example.com/hook", metadata: { order: 7 } } });
  const uploadId = await client.uploads.send(chosen, { onProgress: (sent, total) => console.log(sent / total) });
  await client.jobs.create(chosen, { resumable: true });
  await client.transcribe({ uploadId });
  // @ts-expect-error: a stream cannot be read again
  client.uploads.send(chosen.stream());
  await client.transcribe({ url: new URL("https://example.com/a.mp3") });
  // @ts-expect-error: only jobs take headers
  await client.transcribe({ url: "https://example.com/a.mp3", headers: {} });
  // @ts-expect-error: a result has its form later
  await client.jobs.create(chosen, { responseFormat: "srt" });
  try {
    const done = await client.jobs.wait(job, { timeout: 60, onChange: ({ progress }) => console.log(progress?.fraction) });
    console.log(done.usage?.credits, (await client.jobs.result(done, { responseFormat: "vtt" })).length);
  } catch (error) {
    if (error instanceof JobEnded) await client.jobs.delete(job);
  }
  const [first] = (await client.jobs.list({ status: "succeeded", limit: 1 })).jobs;
  await client.jobs.renameSpeakers(first ?? job.id, { "Speaker 1": "Ada" });
  await client.jobs.correct(job, [{ id: 0, text: "I saw Zoë." }, { id: 1, speaker: null }]);
  for (const delivery of await client.jobs.deliveries(job)) await client.jobs.redeliver(job, delivery);
  console.log((await client.rotateWebhookSecret({ overlapHours: 1 })).secret, (await client.webhookSecret()).created_at);
  const transcript = await client.jobs.result(await client.jobs.cancel(job));
  // @ts-expect-error: rows have no lines
  toTsv(transcript, { lines: 1 });
  return toSrt(transcript, { speakers: false, lineWidth: 60, wordsPerCue: 4 });
}

export async function webhook(request: Request): Promise<unknown> {
  const { type } = await verifyWebhook(request.headers, await request.text(), "whsec_AAAA", { tolerance: 60 });
  return type;
}

export async function summaries(text: string, signal: AbortSignal): Promise<string> {
  for await (const event of client.summarize(text, { style: "detailed", stream: true, signal })) {
    if (event.type === "delta") console.log(event.text);
    else return event.summary;
  }
  const { summary, model } = await client.summarize(text);
  return summary + model;
}

export async function live(): Promise<void> {
  const microphone = new Microphone({ onLevel: (level: number) => console.log(level) });
  const stream = client.stream(microphone, { endpointing: false, keywords: ["Ada"], token: async () => "t" });
  for await (const event of stream) {
    if (event.type === "final") console.log(event.text, event.words[0]?.start);
    // @ts-expect-error: partials have no words
    if (event.type === "partial") console.log(event.words);
  }
  const last: StreamEvent = { type: "ended", text: "", duration: 1 };
  console.log(last, stream.sessionId);
}

export async function accounts(): Promise<number> {
  try {
    const { key } = await client.signUp("Ada");
    const made = await client.keys.create("laptop");
    await client.keys.revoke(made.id);
    const [day] = (await client.usage({ days: 7 })).days;
    console.log(key.key, (await client.keys.list())[0]?.revoked_at, day?.credits, (await client.health()).parts);
    console.log((await client.models())[0]?.id, (await client.languages())[0]?.code, client.allowance?.remaining);
  } catch (error) {
    if (error instanceof RateLimited) return error.retryAfter ?? 1;
    if (error instanceof PaymentRequired) console.log(error.code, error.status, error.requestId);
  }
  return (await client.account()).allowance.remaining;
}
