// The account: signing up and in, and what is left.

import { $, copy, count, failure, h, plural } from "./dom.js";
import { keysCard } from "./keys.js";
import { client, keySaved, session, signedIn, signIn, signOut, signUp, unsavedKey } from "./session.js";
import { usageCards } from "./usage.js";

let opened = 0;

export function startAccount() {
  session.addEventListener("change", () => $("account").hidden || openAccount());
}

/** Shows the view as it is now. */
export async function openAccount() {
  const own = ++opened;
  replace("account-failure", []);
  if (!signedIn()) return put(signedOut());
  try {
    const asked = [client.account(), client.keys.list(), client.usage({ limit: 20 })];
    const [account, keys, usage] = await Promise.all(asked);
    if (own !== opened) return; // asked again, or signed out meanwhile
    put([unsavedKey() && secretCard(unsavedKey()), planCard(account), keysCard(keys, openAccount), ...usageCards(usage)]);
  } catch (error) {
    if (own !== opened) return;
    if (error.status === 401) signOut();
    else put([h("p", {}, leaving())]);
    fail(error, openAccount);
  }
}

const put = (cards) => replace("account-body", cards.filter(Boolean));

/** Whoever had the focus in what is taken away goes on from the title. */
function replace(id, content) {
  const inside = $(id).contains(document.activeElement);
  $(id).replaceChildren(...content);
  if (inside) $("account-title").focus({ preventScroll: true });
}

const fail = (error, retry) => $("account-failure").replaceChildren(failure(error, retry));

const leaving = () => h("button", { type: "button", id: "sign-out", onclick: signOut }, "Sign out");

function signedOut() {
  const lead = "Without a key you can transcribe a few files a day. A free account gives you hours each month.";
  return [h("p", { class: "lead" }, lead), h("div", { class: "two" }, signUpCard(), signInCard())];
}

function signUpCard() {
  const name = h("input", { type: "text", name: "name", maxlength: 100, autocomplete: "name", placeholder: "Ada" });
  return card("New here", [field("Name (optional)", name), remembering(), main("Create a free account")], async (form) => {
    await signUp(form.get("name").trim(), form.has("remember"));
    await openAccount();
  });
}

function signInCard() {
  const key = h("input", { type: "password", name: "key", required: true, autocomplete: "off", spellcheck: "false", placeholder: "stt_live_…" });
  return card("You have a key", [field("API key", key), remembering(), main("Sign in")], (form) =>
    signIn(form.get("key").trim(), form.has("remember")));
}

/** A form that does `action` and says what went wrong. */
function card(title, content, action) {
  const form = h("form", { class: "card" }, h("h2", {}, title), ...content);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await action(new FormData(form));
    } catch (error) {
      fail(error);
    } finally {
      button.disabled = false;
    }
  });
  return form;
}

const field = (name, input) => h("label", { class: "field" }, name, input);
const main = (text) => h("button", { class: "main" }, text);

function remembering() {
  return h("label", { class: "check" }, h("input", { type: "checkbox", name: "remember" }), "Remember on this device");
}

function secretCard(key) {
  const copying = h("button", { type: "button", class: "main", onclick: () => copy(copying, key) }, "Copy");
  const kept = h("button", { type: "button", onclick: () => (keySaved(), openAccount()) }, "I have saved it");
  const sentence = "Save it now: it is never shown again after you leave. This page keeps using it until you sign out.";
  return h("div", { class: "card secret", role: "status" },
    h("h2", {}, "Your API key"), h("code", {}, key), h("p", {}, sentence), h("p", { class: "row" }, copying, kept));
}

function planCard({ name, plan, allowance, limits }) {
  const { unit, limit, used, remaining, resets_in_s: resets } = allowance;
  const bar = h("progress", { max: Math.max(limit, used, 1), value: used, "aria-label": `${unit} used` });
  const days = resets && Math.max(1, Math.round(resets / 86_400));
  const left = `${plural(remaining, unit.replace(/s$/, ""))} left`;
  const more = [`${used} of ${limit} used`, days && `resets in ${count(days, "day")}`, `${limits.at_once} at once`];
  return h("div", { class: "card" },
    h("div", { class: "row wrap" }, h("h2", { class: "name" }, name), h("span", { class: "muted" }, `${plan} plan`), h("span", { class: "grow" }), leaving()),
    h("p", { class: "figure" }, `${remaining} `, h("small", { class: "muted" }, left)),
    bar,
    h("p", { class: "muted" }, h("small", {}, more.filter(Boolean).join(" · "))));
}
