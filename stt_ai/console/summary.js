// Summaries, which appear while they are written.

import { copy, failure, h } from "./dom.js";
import { client } from "./session.js";

/** Wires the form; `offer(text, known)` says of what, and which summary there is already. */
export function startSummary(form, output) {
  let text = "";
  let running = null;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    summarize(new FormData(form).get("style"));
  });

  async function summarize(style) {
    running?.abort();
    const own = (running = new AbortController());
    const shown = h("span");
    output.replaceChildren(h("span", { class: "muted" }, "Reading…"));
    output.setAttribute("aria-busy", "true");
    try {
      for await (const piece of client.summarize(text, { style, stream: true, signal: own.signal })) {
        if (!shown.isConnected) output.replaceChildren(shown);
        if (piece.type === "delta") shown.append(piece.text);
        else finish(shown, piece);
      }
    } catch (error) {
      if (!own.signal.aborted) output.replaceChildren(failure(error, () => summarize(style)));
    } finally {
      if (running === own) output.removeAttribute("aria-busy");
    }
  }

  function finish(shown, { summary, model, warnings = [] }) {
    shown.textContent = summary;
    const button = h("button", { type: "button", class: "small", onclick: () => copy(button, summary) }, "Copy");
    output.append(h("p", { class: "row by-model" }, button, h("small", { class: "muted" }, `By ${model}`)));
    if (warnings.length) output.append(h("p", { class: "serving" }, warnings.map(({ message }) => message).join(" ")));
  }

  return {
    offer(given, known) {
      running?.abort();
      text = given;
      output.replaceChildren();
      form.querySelector("button").disabled = !text;
      if (!known) return;
      form.elements.style.value = known.style;
      output.append(h("span"));
      finish(output.firstChild, known);
    },
  };
}
