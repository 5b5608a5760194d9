// The account's keys: making, naming and revoking them.

import { announce, copy, failure, h } from "./dom.js";
import { client, isOwn, session, signOut } from "./session.js";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** `changed` is called when a key was made or revoked. */
export function keysCard(keys, changed) {
  const place = h("div");
  const name = h("input", { type: "text", name: "name", maxlength: 100, required: true, placeholder: "laptop", "aria-label": "Name of the new key" });
  const form = h("form", { class: "row wrap" }, name, h("button", {}, "Make a key"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.querySelector("button").disabled = true;
    const own = client;
    try {
      const answer = await own.keys.create(name.value.trim());
      if (own !== client) return; // somebody else is here by now
      made = answer;
      announce(`The key ${made.name} is made.`);
      await changed();
    } catch (error) {
      place.replaceChildren(failure(error));
    } finally {
      form.querySelector("button").disabled = false;
    }
  });
  const rows = keys.toReversed().map((key) => row(key, changed, place));
  const head = h("tr", {}, ...["Name", "Key", "Made"].map((title) => h("th", { scope: "col" }, title)), h("td"));
  const table = h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows));
  const shown = made && newKey(made);
  made = null;
  return h("div", { class: "card keys" }, h("h2", {}, "Keys"), shown, place, h("div", { class: "scroll" }, table), form);
}

let made = null; // shown once, in the next list
session.addEventListener("change", () => (made = null));

function newKey({ name, key }) {
  const copying = h("button", { type: "button", class: "main small", onclick: () => copy(copying, key) }, "Copy");
  return h("div", { class: "card secret", role: "status" },
    h("p", {}, `The key “${name}”, shown this once:`), h("code", {}, key), copying);
}

function row(key, changed, place) {
  const revoke = h("button", { type: "button", class: "small danger", "aria-label": `Revoke the key ${key.name}` }, "Revoke");
  revoke.addEventListener("click", async () => {
    if (!(await sure(key))) return;
    try {
      await client.keys.revoke(key.id);
      announce(`The key ${key.name} is revoked.`);
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

/** Whether the visitor means it. */
function sure({ name, prefix }) {
  const own = isOwn(prefix) ? " This page uses it: you will be signed out." : "";
  const dialog = h("dialog", { "aria-labelledby": "sure-title" },
    h("h2", { id: "sure-title" }, "Revoke this key?"),
    h("p", { class: "name" }, `“${name}” is refused from then on, wherever it is used.${own}`),
    h("form", { method: "dialog", class: "row" },
      h("button", { value: "", autofocus: true }, "Keep it"), h("button", { value: "yes", class: "danger" }, "Revoke")));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
