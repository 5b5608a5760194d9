// The account's keys: creating, naming and revoking them.

import { announce, ask, copy, failure, h } from "./dom.js";
import { client, isOwn, session, signOut } from "./session.js";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** `changed` is called when a key was created or revoked. */
export function keysCard(keys, changed) {
  const place = h("div");
  const name = h("input", { type: "text", name: "name", maxlength: 100, required: true, placeholder: "laptop", "aria-label": "Name of the new key" });
  const form = h("form", { class: "row wrap" }, name, h("button", {}, "Create a key"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.querySelector("button").disabled = true;
    const own = client;
    try {
      const answer = await own.keys.create(name.value.trim());
      if (own !== client) return; // somebody else is here by now
      sessionStorage.setItem(MADE, JSON.stringify(answer));
      announce(`Key ${answer.name} created.`);
      await changed();
    } catch (error) {
      place.replaceChildren(failure(error));
    } finally {
      form.querySelector("button").disabled = false;
    }
  });
  const rows = keys.toReversed().map((key) => row(key, changed, place));
  const head = h("tr", {}, ...["Name", "Key", "Created"].map((title) => h("th", { scope: "col" }, title)), h("td"));
  const table = h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows));
  const made = JSON.parse(sessionStorage.getItem(MADE));
  const shown = made && newKey(made, changed);
  return h("div", { class: "card keys" }, h("h2", {}, "Keys"), shown, place, h("div", { class: "scroll" }, table), form);
}

// Shown until it is saved, also after a reload.
const MADE = "stt-ai-created-key";
const forget = () => sessionStorage.removeItem(MADE);
session.addEventListener("change", forget);

function newKey({ name, key }, changed) {
  const copying = h("button", { type: "button", class: "main small", onclick: () => copy(copying, key) }, "Copy");
  return h("div", { class: "card secret", role: "status" },
    h("p", {}, `The key “${name}”, shown only once:`), h("code", {}, key),
    h("p", { class: "row" }, copying, h("button", { type: "button", class: "small", onclick: () => (forget(), changed()) }, "I have saved it")));
}

function row(key, changed, place) {
  const revoke = h("button", { type: "button", class: "small danger", "aria-label": `Revoke the key ${key.name}` }, "Revoke");
  revoke.addEventListener("click", async () => {
    const own = isOwn(key.prefix) ? " This page uses it: you will be signed out." : "";
    if (!(await ask("Revoke this key?", `“${key.name}” is refused from then on, wherever it is used.${own}`, "Revoke"))) return;
    try {
      await client.keys.revoke(key.id);
      announce(`Key ${key.name} revoked.`);
      if (isOwn(key.prefix)) signOut();
      else await changed();
    } catch (error) {
      place.replaceChildren(failure(error));
    }
  });
  const own = isOwn(key.prefix) && !key.revoked_at && h("small", { class: "muted" }, " in use here");
  return h("tr", {},
    h("td", { class: "wide" }, h("span", { class: key.revoked_at && "gone" }, key.name), own),
    h("td", {}, h("code", {}, `${key.prefix}…`)),
    h("td", {}, day.format(new Date(key.created_at))),
    h("td", { class: "number" }, key.revoked_at ? h("small", { class: "muted" }, "revoked") : revoke));
}
