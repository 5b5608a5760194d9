// Buttons that save or copy a transcript.

import { copy, download, h } from "./dom.js";
import { toJson, toSrt, toTxt, toVtt } from "./subtitles.js";

const FORMATS = {
  txt: ["Text", "text/plain", toTxt],
  srt: ["SRT", "application/x-subrip", toSrt],
  vtt: ["VTT", "text/vtt", toVtt],
  json: ["JSON", "application/json", toJson],
};

/** The buttons for a JSON answer. `name`: of the file that it is of. */
export function exportButtons(body, name) {
  const base = name.replace(/\.[^.]{1,5}$/, "") || "transcript";
  const saving = Object.entries(FORMATS).map(([suffix, [title, type, render]]) =>
    h("button", {
      type: "button", class: "small", "data-format": suffix, "aria-label": `Save as ${title}`,
      onclick: () => download(`${base}.${suffix}`, type, render(body)),
    }, title));
  const copying = h("button", { type: "button", class: "small", onclick: () => copy(copying, toTxt(body)) }, "Copy");
  return [...saving, copying];
}
