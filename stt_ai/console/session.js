// Who the visitor is: the key, which is never in an address, and the client that sends it.

import { Client } from "./sdk/stt-ai.js";

const KEY = "stt-ai-key";
const ACCOUNT = "stt-ai-account";
const SECRET = "stt-ai-new-key";
const BASE = new URL(".", document.baseURI).href.replace(/\/$/, "");

/** Calls `change` when the visitor signs in or out, and `spent` when something was charged. */
export const session = new EventTarget();

/** The account whose transcripts are shown beside those of nobody's; "" without one. */
export const owner = () => sessionStorage.getItem(ACCOUNT) ?? localStorage.getItem(ACCOUNT) ?? "";

/** A new account's key until the visitor says that it is saved, also after a reload. */
export const unsavedKey = () => sessionStorage.getItem(SECRET);
export const keySaved = () => sessionStorage.removeItem(SECRET);

let key = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
export let client = new Client({ apiKey: key, baseUrl: BASE });

export const signedIn = () => key !== null;

/** What the service says of this key's account. Throws where it is no good; then nothing is kept. */
export async function signIn(candidate, remember) {
  const account = await new Client({ apiKey: candidate, baseUrl: BASE }).account();
  hold(candidate, remember, account.id);
  return account;
}

/** A new account's first key. */
export async function signUp(name, remember) {
  const account = await new Client({ apiKey: null, baseUrl: BASE }).signUp(name || undefined);
  hold(account.key.key, remember, account.id);
  sessionStorage.setItem(SECRET, account.key.key);
  return account;
}

export const signOut = () => hold(null);

/** Whether `prefix` is the beginning of the key in use. */
export const isOwn = (prefix) => key !== null && key.startsWith(prefix);

/** The allowance of files as the last one left it; null: not known. Summaries and streams have their own. */
export let filesLeft = null;

/** To be called after what may have been charged; after a file, with the allowance that it left. */
export function spent(left = filesLeft) {
  filesLeft = left;
  session.dispatchEvent(new Event("spent"));
}

function hold(candidate, remember = false, account = "") {
  for (const storage of [sessionStorage, localStorage]) for (const name of [KEY, ACCOUNT, SECRET]) storage.removeItem(name);
  [key, filesLeft] = [candidate, null];
  const storage = remember ? localStorage : sessionStorage;
  if (key !== null) storage.setItem(KEY, key);
  if (account) storage.setItem(ACCOUNT, account);
  client = new Client({ apiKey: key, baseUrl: BASE });
  session.dispatchEvent(new Event("change"));
}
