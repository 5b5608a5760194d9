// Buttons that save or copy a transcript, and how they write it.

import { copy, download, h } from "./dom.js";
import { toSrt, toTsv, toTxt, toVtt } from "./sdk/subtitles.js";

const toJson = (body) => `${JSON.stringify(body, null, 2)}\n`;
const FORMATS = {
  txt: ["Text", "text/plain", toTxt],
  srt: ["SRT", "application/x-subrip", toSrt],
  vtt: ["VTT", "text/vtt", toVtt],
  tsv: ["TSV", "text/tab-separated-values", toTsv],
  json: ["JSON", "application/json", toJson],
};
const WIDTHS = { 42: "42 (usual)", 37: "37 (broadcast)", 32: "32 (narrow)", 60: "60 (wide)" };

/** The buttons for a JSON answer, as it is when they are pressed. `name`: of the file that it is of. */
export function exportButtons(body, name, options = () => ({})) {
  const base = name.replace(/\.[^.]{1,5}$/, "") || "transcript";
  const saving = Object.entries(FORMATS).map(([suffix, [title, type, render]]) =>
    h("button", {
      type: "button", class: "small", "data-format": suffix, "aria-label": `Save as ${title}`,
      onclick: () => download(`${base}.${suffix}`, type, render(body, options())),
    }, title));
  const copying = h("button", { type: "button", class: "small", onclick: () => copy(copying, toTxt(body, options())) }, "Copy");
  return [...saving, copying];
}

/** The buttons with their options. */
export function exportCard(body, name) {
  const named = h("input", { type: "checkbox", checked: true, name: "speakers" });
  const width = h("select", { name: "width" }, ...Object.entries(WIDTHS).map(([value, text]) => h("option", { value, selected: value === "42" }, text)));
  const options = () => ({ speakers: named.checked, lineWidth: Number(width.value) });
  return [
    h("div", { class: "exports" }, ...exportButtons(body, name, options)),
    body.speakers.length && h("label", { class: "check" }, named, "Speaker names"),
    h("label", { class: "check" }, "Subtitle line length", width),
  ].filter(Boolean);
}
