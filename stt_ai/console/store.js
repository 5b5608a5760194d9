// Transcripts that this browser keeps, so that a reload loses nothing. In a private window they may last as long as it.

const DATABASE = "stt-ai";
const [TRANSCRIPTS, RECORDINGS] = ["transcripts", "recordings"];
const MAX_RECORDING_BYTES = 200e6; // larger ones would fill what browsers give to a page

const unkept = { [TRANSCRIPTS]: new Map(), [RECORDINGS]: new Map() };
let opening;

/** Of the browser; null where it gives none. */
function database() {
  return (opening ??= new Promise((resolve) => {
    const asking = indexedDB.open(DATABASE, 1);
    asking.onupgradeneeded = () => {
      asking.result.createObjectStore(TRANSCRIPTS, { keyPath: "id" });
      asking.result.createObjectStore(RECORDINGS);
    };
    asking.onsuccess = () => resolve(asking.result);
    asking.onerror = () => resolve(null);
  }));
}

async function run(name, mode, act) {
  const transaction = (await database()).transaction(name, mode);
  const request = act(transaction.objectStore(name));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

/** Keeps `{id, name, at, owner, body}`; throws where the browser has no more room. */
export async function save(record) {
  unkept[TRANSCRIPTS].set(record.id, record);
  if (!(await database())) return;
  await run(TRANSCRIPTS, "readwrite", (store) => store.put(record));
  unkept[TRANSCRIPTS].delete(record.id);
}

/** Keeps the recording too, where there is room: without it the transcript is read, not played. */
export async function saveRecording(id, file) {
  unkept[RECORDINGS].set(id, file);
  if (file.size > MAX_RECORDING_BYTES || !(await database())) return;
  try {
    await run(RECORDINGS, "readwrite", (store) => store.put(file, id));
    unkept[RECORDINGS].delete(id);
  } catch {
    // It is played as long as the page is open.
  }
}

/** All that belong to `owner` or to nobody, newest first. */
export async function listed(owner) {
  const kept = (await database()) ? await run(TRANSCRIPTS, "readonly", (store) => store.getAll()) : [];
  return [...kept, ...unkept[TRANSCRIPTS].values()]
    .filter((record) => !record.owner || record.owner === owner)
    .sort((one, other) => other.at - one.at);
}

/** `{record, file}`; null: there is none of this id. `file` undefined: the recording is not kept. */
export async function found(id) {
  const record = await kept(TRANSCRIPTS, id);
  return record ? { record, file: await kept(RECORDINGS, id) } : null;
}

/** The recording that is kept under this id, or undefined. */
export const recording = (id) => kept(RECORDINGS, id);

async function kept(name, id) {
  return unkept[name].get(id) ?? ((await database()) ? run(name, "readonly", (store) => store.get(id)) : undefined);
}

export async function erase(id) {
  for (const name of [TRANSCRIPTS, RECORDINGS]) {
    unkept[name].delete(id);
    if (await database()) await run(name, "readwrite", (store) => store.delete(id));
  }
}
