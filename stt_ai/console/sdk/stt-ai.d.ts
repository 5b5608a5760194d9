/** The client of an stt_ai service. Answers have the service's own fields, as its `/docs` describes them. */

export type Bytes = ArrayBuffer | ArrayBufferView;
/** A path (Node only), File, Blob, bytes, or a stream of bytes. Streams are sent once: a failure is not repeated. */
export type FileSource = string | URL | Blob | Bytes | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;
/** A recording that the service fetches from its address, or that was sent to `POST /v1/uploads`. */
export type RemoteSource = { url: string | URL } | { uploadId: string };
export type ResponseFormat = "json" | "txt" | "srt" | "vtt";

export interface CallOptions {
  signal?: AbortSignal;
}

export interface ClientOptions {
  /** Default: `STT_AI_API_KEY` where there is an environment, else none: anonymous. */
  apiKey?: string | null;
  /** Default: `STT_AI_BASE_URL`; else in pages the origin that this module came from, else `http://127.0.0.1:8000`. */
  baseUrl?: string | URL;
  /** How often a call is repeated that was refused for a moment (429, 503) or whose connection broke. Default 3. */
  maxRetries?: number;
}

/** What may be asked of a transcript. What is left out is the service's choice. */
export interface TranscriptOptions {
  model?: string;
  /** A code of `languages()`, or `auto`. */
  language?: string;
  /** Whether speakers are identified. Default true. */
  diarize?: boolean;
  /** How many; 0: detected, within `minSpeakers` and `maxSpeakers`. */
  speakers?: number;
  minSpeakers?: number;
  maxSpeakers?: number;
  /** `translate`: into English, by models that can. */
  task?: "transcribe" | "translate";
  /** Context before the audio: names, spelling, style. */
  prompt?: string;
  /** Names and terms that may be said: spelled so where they were said, and nowhere else. */
  keywords?: string[];
  /** `separate`: each channel is transcribed by itself, and is a speaker. */
  channels?: "mix" | "separate";
  /** Seconds of the recording: only this part is transcribed and charged. */
  start?: number;
  end?: number;
  /** The audio track of a video, from 1. Default: the first with speech. */
  track?: number;
  /** Of SRT and VTT: cells of a line, and lines and words of a cue at most. */
  lineWidth?: number;
  lines?: number;
  wordsPerCue?: number;
  /** Refuse a recording with a warning about its audio, as a `BadRequest` with the warning's code that costs nothing. */
  strict?: boolean;
}

/** How a recording is sent. */
export interface SendOptions extends CallOptions {
  /** For sources that have no name. */
  filename?: string;
  /** In bytes; `total` null: not known. All sent is not yet all transcribed. */
  onProgress?: (sent: number, total: number | null) => void;
  /** The same key and request again get the same answer, and are charged once. Default: a fresh one. */
  idempotencyKey?: string;
}

export interface TranscribeOptions extends TranscriptOptions, SendOptions {
  responseFormat?: ResponseFormat;
  /** Called once, before the transcript is returned, when there are any: text, SRT and VTT have no other place. */
  onWarnings?: (warnings: TranscriptWarning[]) => void;
  /** The text as it is transcribed: the next piece, and all of it so far. Leaving early is charged up to here. */
  onText?: (piece: string, textSoFar: string) => void;
  /** Seconds of audio that are transcribed, and in all. When they are equal, only speakers are left to identify. */
  onTranscribed?: (done: number, total: number) => void;
}

export interface Word {
  word: string;
  /** Seconds. */
  start: number;
  end: number;
  /** 0 to 1. */
  confidence: number;
  /** Only in files whose speakers are identified. */
  speaker?: string;
  /** From 1; only where channels were transcribed separately. */
  channel?: number;
}

export interface Segment {
  start: number;
  end: number;
  text: string;
  speaker?: string;
  channel?: number;
  confidence: number;
  words: Word[];
  /** Names it to `jobs.correct`; only in the results of jobs. */
  id?: number;
}

export interface Transcript {
  text: string;
  language: string;
  language_confidence: number;
  /** Seconds that were transcribed, from `start` on; without one from the recording's beginning. */
  duration: number;
  start?: number;
  segments: Segment[];
  speakers: string[];
  model: string;
  usage: { seconds: number; credits: number };
  request_id: string;
  /** Only where there are any. */
  warnings?: TranscriptWarning[];
  /** Only of jobs that were asked for one; null where it failed, as `warnings` say. */
  summary?: Summary | null;
}

/** One way in which an answer is not all of the recording, or not from the model asked for. */
export interface TranscriptWarning {
  /** For programs: `audio_missing`, `model_substituted`, … */
  code: string;
  /** A sentence for people. */
  message: string;
  /** Seconds: the part of the recording that it concerns; all of it where they are left out. */
  start?: number;
  end?: number;
}

export interface SubtitleOptions {
  /** Whether speakers are named. Default true. */
  speakers?: boolean;
  /** Cells of a line of SRT and VTT, 30 to 200, where wide characters take two. Default 42. */
  lineWidth?: number;
  /** Lines of a cue at most, 1 to 10. Default 2. */
  lines?: number;
  /** Words of a cue at most. Default: as many as fit. */
  wordsPerCue?: number;
}

/** A finished transcript as subtitles and text, without another request. */
export function toSrt(transcript: Transcript, options?: SubtitleOptions): string;
export function toVtt(transcript: Transcript, options?: SubtitleOptions): string;
/** A paragraph for each speaker turn. */
export function toTxt(transcript: Transcript, options?: Pick<SubtitleOptions, "speakers">): string;
/** A row for each segment: milliseconds of its start and end, speaker, text. */
export function toTsv(transcript: Transcript, options?: Pick<SubtitleOptions, "speakers">): string;

export type JobStatus = "queued" | "running" | "succeeded" | "failed" | "cancelled" | "expired";

/** Times are those of ISO 8601. */
export interface Job {
  id: string;
  status: JobStatus;
  /** The file's name. */
  title: string;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  /** When its audio and text are erased. */
  expires_at: string;
  /** Number of attempts so far. */
  attempt: number;
  /** Seconds of audio; null: not known yet. */
  duration: number | null;
  model: string | null;
  /** While it runs: of the speech, how much has been transcribed (0 to 1), and the seconds left; null: not known yet. */
  progress: { stage: string; fraction: number; seconds_left: number | null } | null;
  /** What was charged when it succeeded. */
  usage: { seconds: number; credits: number } | null;
  /** Why it failed, or what its last attempt failed for. */
  error: { error: string; code: string; request_id: string } | null;
  /** Names given to speakers, such as `{"Speaker 1": "Ada"}`. */
  speakers: Record<string, string>;
  /** When people last corrected its text; null: it is the model's. */
  corrected_at: string | null;
  /** The summary that was asked for, which stands in the result, or why there is none. */
  summary: { style: SummaryStyle; error: { error: string; code: string; request_id: string } | null } | null;
  webhook: { url: string; metadata: Record<string, unknown> } | null;
}

/** What a segment says, by its `id` in the result. What is left out stays; null restores what the model wrote. */
export interface Correction {
  id: number;
  /** All that it says; an empty text removes it. */
  text?: string | null;
  /** By the name that the result shows. */
  speaker?: string | null;
}

/** A message about a job, under the same `webhook-id` in all its attempts, of which the latest 20 are kept. */
export interface Delivery {
  id: string;
  event: string;
  url: string;
  status: "pending" | "delivered" | "failed";
  created_at: string;
  /** null: it is being sent now, or not to be sent again. */
  next_attempt_at: string | null;
  ended_at: string | null;
  /** `status`: the receiver's; null: there was no answer. `error` null: it was delivered. */
  attempts: { at: string; duration: number; status: number | null; error: string | null }[];
}

export interface WebhookSecret {
  secret: string;
  created_at: string;
  /** Until then messages are signed with the secret before it, too; null: they are not. */
  previous_until: string | null;
}

/** Newest first. `next_cursor` asks for the jobs before these; null: there are none. */
export interface JobPage {
  jobs: Job[];
  next_cursor: string | null;
}

/** `headers` are sent to the host of `url` alone. */
export type JobSource = FileSource | { url: string | URL; headers?: Record<string, string> } | { uploadId: string };

export interface JobOptions extends TranscriptOptions, SendOptions {
  /** Whether the file is sent in pieces, going on after a break. Default: those of 100 MB and more, with a key. */
  resumable?: boolean;
  /** Audio and text are erased so long after the end. */
  retentionHours?: number;
  /** The recording stays as long as the text. */
  keepAudio?: boolean;
  /** Where a signed message goes when the job has ended; `verifyWebhook` checks it. */
  webhook?: string | URL | Webhook;
  /** A summary in this style, which stands in the result. */
  summary?: SummaryStyle;
}

export interface Webhook {
  url: string | URL;
  /** `whsec_…`, in place of the account's own. */
  secret?: string;
  /** Sent along as it is. */
  metadata?: Record<string, unknown>;
  /** The text is sent along, too. */
  includeText?: boolean;
}

export interface JobListOptions extends CallOptions {
  status?: JobStatus;
  /** `next_cursor` of the previous page. */
  cursor?: string | null;
  limit?: number;
}

export interface JobWaitOptions extends CallOptions {
  /** Seconds until a DOMException named TimeoutError; the job goes on. Default: none. */
  timeout?: number;
  /** Called with the job at each look. */
  onChange?: (job: Job) => void;
}

export interface JobResultOptions extends CallOptions {
  responseFormat?: ResponseFormat;
  onWarnings?: (warnings: TranscriptWarning[]) => void;
}

/** Recordings that are transcribed without holding a connection open. A job may be given as itself or by its id. */
export interface Jobs {
  /** Queues a recording and returns its job at once. */
  create(source: JobSource, options?: JobOptions): Promise<Job>;
  get(job: Job | string, options?: CallOptions): Promise<Job>;
  list(options?: JobListOptions): Promise<JobPage>;
  /**
   * The job when it has succeeded. Throws the job's own error when it failed, and `JobEnded` when it was cancelled or
   * has expired.
   */
  wait(job: Job | string, options?: JobWaitOptions): Promise<Job>;
  /** The transcript of a job that has succeeded, in any form, any number of times until it expires. */
  result(job: Job | string, options?: JobResultOptions & { responseFormat?: "json" }): Promise<Transcript>;
  result(job: Job | string, options: JobResultOptions & { responseFormat: "txt" | "srt" | "vtt" }): Promise<string>;
  /** Ends a job at no charge. */
  cancel(job: Job | string, options?: CallOptions): Promise<Job>;
  /** Erases a job's audio and text now; one that runs is cancelled. */
  delete(job: Job | string, options?: CallOptions): Promise<void>;
  /** What every form of the result calls its speakers; an empty name restores the original. */
  renameSpeakers(job: Job | string, speakers: Record<string, string>, options?: CallOptions): Promise<Job>;
  /** Changes what every form of the result says; each word is timed by those that it replaces. */
  correct(job: Job | string, segments: Correction[], options?: CallOptions): Promise<Job>;
  /** The messages that were sent to the job's webhook, or will be, oldest first. */
  deliveries(job: Job | string, options?: CallOptions): Promise<Delivery[]>;
  /** Sends a message again now, under the same `webhook-id`. */
  redeliver(job: Job | string, delivery: Delivery | string, options?: CallOptions): Promise<Delivery>;
}

export interface UploadOptions extends CallOptions {
  /** Of an upload of this file that was interrupted: only the rest is sent. */
  uploadId?: string;
  /** For sources that have no name. */
  filename?: string;
  /** In bytes, after each piece. */
  onProgress?: (sent: number, total: number) => void;
}

/** Files on their way to the service in pieces (tus 1.0.0): what has arrived stays when the connection breaks. */
export interface Uploads {
  /**
   * Sends a file, going on after a break, and returns the upload's id: `{ uploadId }` for `transcribe` and
   * `jobs.create`. Needs a key. Throws `UploadInterrupted`, which has that id.
   */
  send(source: string | URL | Blob | Bytes, options?: UploadOptions): Promise<string>;
  /** Deletes an upload; one that is gone already is no failure. */
  delete(uploadId: string, options?: CallOptions): Promise<void>;
}

/** A webhook that is not the service's, was changed on its way, or is too old: answer 400 and do nothing. */
export class InvalidWebhook extends Error {}

/**
 * The event in a webhook's `body`, exactly as it came, if it was signed with `secret` (`whsec_…`) at most `tolerance`
 * seconds ago (default 300). Throws `InvalidWebhook`.
 */
export function verifyWebhook(
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string | Bytes,
  secret: string,
  options?: { tolerance?: number },
): Promise<Record<string, unknown>>;

export type SummaryStyle = "brief" | "detailed" | "action_items" | "bullet_points";

export interface SummarizeOptions extends CallOptions {
  style?: SummaryStyle;
  idempotencyKey?: string;
}

export interface Summary {
  summary: string;
  style: SummaryStyle;
  model: string;
  /** Only where the model is not the one that the service is set to use. */
  warnings?: TranscriptWarning[];
}

export type SummaryEvent = { type: "delta"; text: string } | ({ type: "summary" } & Summary);

export interface StreamOptions extends CallOptions {
  language?: string;
  model?: string;
  /** Of raw audio. Default `pcm_s16le`, and of files what they say themselves. */
  encoding?: "pcm_s16le" | "mulaw" | "alaw" | "opus";
  /** Of raw audio, 8000 to 48000. Default 16000. */
  sampleRate?: number;
  /** Files: at the speed of speech, and not as fast as they are transcribed. */
  realTime?: boolean;
  interimResults?: boolean;
  /** Milliseconds of silence that end an utterance; false: only `finalize()` does. */
  endpointing?: number | boolean;
  utteranceEndMs?: number;
  vadEvents?: boolean;
  wordTimestamps?: boolean;
  prompt?: string;
  /** Names and terms that may be said: spelled so in finals where they were, and never added elsewhere. */
  keywords?: string[];
  /** For pages that have no key: a token of `streamToken()`, or what asks your server for one each time. */
  token?: string | (() => string | Promise<string>);
}

export type StreamEvent =
  | {
      type: "ready";
      session_id: string;
      resumed: boolean;
      offset: number;
      model: string;
      language: string;
      demo_model?: boolean;
      warnings?: TranscriptWarning[];
    }
  /** Takes the place of the partial before; its first `stable_chars` characters stay. */
  | { type: "partial"; text: string; start: number; seq: number; stable_chars: number }
  /** Never taken back; all of them joined by blanks are the transcript. */
  | {
      type: "final";
      text: string;
      start: number;
      end: number;
      words: Word[];
      segment_id: number;
      language: string;
      speech_final: boolean;
      from_finalize?: boolean;
    }
  | { type: "speech_started"; at: number }
  | { type: "speech_stopped"; at: number }
  | { type: "utterance_end"; last_word_end: number }
  /** The connection was cut, and is made again; nothing is lost or sent twice. */
  | { type: "reconnecting"; reason: string; attempt: number }
  /** The last one. `duration` in seconds. */
  | { type: "ended"; text: string; duration: number };

export interface LiveStream extends AsyncIterable<StreamEvent> {
  /** Of the service; null before it was ready. */
  readonly sessionId: string | null;
  /** No more audio comes: the remaining text is sent, then the iteration ends. */
  stop(): void;
  /** Ends the utterance now. */
  finalize(): void;
}

export interface MicrophoneOptions {
  constraints?: MediaTrackConstraints | boolean;
  /** Ten times a second: how loud it is, 0 to 1. */
  onLevel?: (level: number) => void;
  /** Where `microphone-worklet.js` lies, if not beside this module. */
  workletUrl?: string;
}

/** What a page's microphone records. Asks the visitor when it is opened; use it for one stream. */
export class Microphone implements AsyncIterable<Int16Array> {
  constructor(options?: MicrophoneOptions);
  readonly sampleRate: number;
  /** Throws the browser's own errors, such as NotAllowedError. A stream does it, if you did not. */
  open(): Promise<void>;
  stop(): void;
  [Symbol.asyncIterator](): AsyncIterator<Int16Array>;
}

export interface Model {
  id: string;
  name: string;
  languages: number;
  speed: string;
  /** It is the one when a request names none. */
  default: boolean;
  /** Whether it serves itself when it is asked for; null: not known yet. */
  available: boolean | null;
  /** The model that serves in its place, or itself; null: not known yet, or nothing serves. */
  served_by: string | null;
}

export interface Language {
  code: string;
  name: string;
}

export interface Part {
  name: string;
  ok: boolean;
  detail: string;
  /** The model that serves this part, and where its weights came from; null: it needs none, or none is loaded yet. */
  served_by: string | null;
  origin: string | null;
  demo: boolean;
}

export interface Health {
  status: "ok" | "degraded";
  gpu_available: boolean;
  gpu_name: string | null;
  gpu_memory_mb: number;
  /** Whether a demo model serves a part; `parts` say which. */
  demo_models: boolean;
  version: string;
  parts: Part[];
}

export interface Plan {
  name: "anonymous" | "free" | "paid";
  /** `amount` null: as much as there are credits. */
  allowance: { amount: number | null; unit: "transcriptions" | "minutes" | "credits"; period: "day" | "month" | null };
  max_file_bytes: number;
  at_once: number;
}

export interface Plans {
  plans: Plan[];
  /** False: nothing is counted or charged. */
  quotas: boolean;
  upgrade_url: string | null;
}

export interface Account {
  id: string;
  name: string;
  plan: string;
  created_at: string;
  credits: { available: number; reserved: number };
  allowance: {
    unit: "minutes" | "credits";
    limit: number;
    used: number;
    remaining: number;
    resets_in_s: number | null;
  };
  limits: { max_file_bytes: number; at_once: number; running: number };
}

export interface Key {
  id: string;
  name: string;
  prefix: string;
  created_at: string;
  revoked_at: string | null;
}

/** `key` is shown this once. */
export interface NewKey extends Key {
  key: string;
}

export interface UsageOptions extends CallOptions {
  /** `next_cursor` of the previous page. */
  cursor?: string | null;
  limit?: number;
  days?: number;
}

export interface Usage {
  days: { date: string; requests: number; seconds: number; credits: number }[];
  requests: { request_id: string; kind: string; at: string; seconds: number; credits: number }[];
  next_cursor: string | null;
}

export interface StreamToken {
  token: string;
  expires_at: string;
  expires_in: number;
}

export class Client {
  constructor(options?: ClientOptions);
  apiKey: string | null;
  readonly baseUrl: string;
  maxRetries: number;
  /** What the last transcription or summary left; null before. `resetsIn` in seconds; null: not by time. */
  readonly allowance: { limit: number; remaining: number; resetsIn: number | null } | null;
  readonly keys: {
    list(options?: CallOptions): Promise<Key[]>;
    create(name?: string, options?: CallOptions): Promise<NewKey>;
    revoke(id: string, options?: CallOptions): Promise<Key>;
  };
  readonly uploads: Uploads;
  readonly jobs: Jobs;
  transcribe(
    source: FileSource | RemoteSource,
    options?: TranscribeOptions & { responseFormat?: "json" },
  ): Promise<Transcript>;
  transcribe(
    source: FileSource | RemoteSource,
    options: TranscribeOptions & { responseFormat: "txt" | "srt" | "vtt" },
  ): Promise<string>;
  summarize(text: string, options?: SummarizeOptions & { stream?: false }): Promise<Summary>;
  summarize(text: string, options: SummarizeOptions & { stream: true }): AsyncGenerator<SummaryEvent, void, void>;
  /** A microphone, a file (WAV, raw or Opus; in pages whatever they can play), or pieces of raw audio as they come. */
  stream(source: Microphone | FileSource | AsyncIterable<Bytes>, options?: StreamOptions): LiveStream;
  streamToken(options?: CallOptions): Promise<StreamToken>;
  models(options?: CallOptions): Promise<Model[]>;
  languages(options?: CallOptions): Promise<Language[]>;
  plans(options?: CallOptions): Promise<Plans>;
  health(options?: CallOptions): Promise<Health>;
  /** The client uses the new key from then on. */
  signUp(name?: string, options?: CallOptions): Promise<Account & { key: NewKey }>;
  account(options?: CallOptions): Promise<Account>;
  usage(options?: UsageOptions): Promise<Usage>;
  /** What signs the account's webhooks, for `verifyWebhook`; made when it is first asked for. */
  webhookSecret(options?: CallOptions): Promise<WebhookSecret>;
  /** A new one. For `overlapHours`, else 24, messages are signed with the old one as well. */
  rotateWebhookSecret(options?: CallOptions & { overlapHours?: number }): Promise<WebhookSecret>;
}

export interface ErrorDetails {
  code?: string;
  status?: number | null;
  requestId?: string | null;
  retryAfter?: number | null;
  cause?: unknown;
}

/** Base of all failures that the service reports, and of there being no answer. `message` says what to do. */
export class SttAiError extends Error {
  constructor(message: string, details?: ErrorDetails);
  /** Stable, for programs. */
  readonly code: string;
  readonly status: number | null;
  readonly requestId: string | null;
  /** Seconds. */
  readonly retryAfter: number | null;
}
export class BadRequest extends SttAiError {}
export class AuthenticationFailed extends SttAiError {}
export class PaymentRequired extends SttAiError {}
export class NotFound extends SttAiError {}
export class Conflict extends SttAiError {}
export class TooLarge extends SttAiError {}
export class RateLimited extends SttAiError {}
export class Unavailable extends SttAiError {}
export class ServerError extends SttAiError {}
export class ConnectionFailed extends SttAiError {}
/** A file that is sent in pieces did not arrive whole. With `uploadId` only the rest is sent. */
export class UploadInterrupted extends ConnectionFailed {
  readonly uploadId: string;
}
/** A job that was waited for was cancelled, or has expired. */
export class JobEnded extends SttAiError {}
export class StreamClosed extends SttAiError {
  readonly closeCode: number | null;
}
