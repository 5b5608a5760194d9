// Elements and text. What comes from outside goes through here as text: markup is never made of it.

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** A new element. Properties that begin with `on` are listeners; children are nodes or text. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** A symbol of the page. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS(svg.namespaceURI, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Announces it to screen readers. */
export function announce(text) {
  $("said").textContent = "";
  requestAnimationFrame(() => ($("said").textContent = text));
}

/** The service's own sentence, with the request's id; a way on where there is one. `subject`: the file it is about. */
export function failure(error, retry, subject = "") {
  const plans = ["no_credits", "rate_limited", "file_too_large"].includes(error.code) && location.hash !== "#plans";
  const account = error.code === "unauthorized" && location.hash !== "#account";
  const offline = error.code === "connection_failed" && !navigator.onLine;
  const sentence = offline ? "You are offline. Try again when the connection is back." : error.message;
  return h("div", { class: "failure", role: "alert" },
    h("p", {}, subject && h("strong", {}, `${subject}: `), sentence, " ",
      account && h("a", { href: "#account" }, "Your account"), plans && h("a", { href: "#plans" }, "Plans")),
    error.requestId && h("small", {}, "Request ", h("code", {}, error.requestId)),
    retry && mayPass(error) && h("p", { class: "row" }, h("button", { type: "button", class: "small", onclick: retry }, "Try again")));
}

/** What is wrong with the request itself stays wrong. */
const mayPass = ({ status }) => !(status >= 400 && status < 429);

/** A bar under the top of the page, in the place of an older one of the same kind. */
export function notice(kind, text) {
  document.querySelector(`.notice[data-kind="${kind}"]`)?.remove();
  if (text) $("notices").append(h("div", { class: "notice", role: "status", "data-kind": kind }, text));
}

/** 1, minute -> 1 minute; 2, minute -> 2 minutes */
export const count = (number, noun) => `${number} ${plural(number, noun)}`;

export const plural = (number, noun) => (number === 1 ? noun : `${noun}s`);

/** 75.4 -> 1:15 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

export function bytes(size) {
  if (size < 1e6) return `${Math.max(1, Math.round(size / 1e3))} kB`;
  return size < 1e9 ? `${(size / 1e6).toFixed(1)} MB` : `${(size / 1e9).toFixed(2)} GB`;
}

export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Copies, and says so on the button for a moment. */
export async function copy(button, text) {
  const name = (button.dataset.name ??= button.textContent);
  button.textContent = (await copied(text)) ? "Copied" : "Not allowed";
  announce(button.textContent);
  setTimeout(() => (button.textContent = name), 1500);
}

/** Whether it is in the clipboard now. Pages over plain HTTP have no `navigator.clipboard`: a selection is copied. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const held = document.activeElement;
    const field = h("textarea", { class: "unseen", "aria-label": "Text to copy" });
    field.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    held?.focus({ preventScroll: true });
    return done;
  }
}

/** Whether the visitor means it. `yes`: what the button for that says. */
export function ask(title, text, yes, no = "Keep it") {
  const dialog = h("dialog", { "aria-labelledby": "sure-title" },
    h("h2", { id: "sure-title" }, title),
    h("p", { class: "name" }, text),
    h("form", { method: "dialog", class: "row" },
      h("button", { value: "", autofocus: true }, no), h("button", { value: "yes", class: "danger" }, yes)));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/** The browser asks before the page is left while `busy()`: work would be lost. */
export function warnBeforeLeaving(busy) {
  addEventListener("beforeunload", (event) => busy() && event.preventDefault());
}
