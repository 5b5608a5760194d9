// Writes JSON answers, one a line of the file that is named, in the formats that the console saves.

import { readFileSync } from "node:fs";
import { toSrt, toTxt, toVtt } from "../../stt_ai/console/subtitles.js";

const bodies = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => JSON.parse(line));
process.stdout.write(JSON.stringify(bodies.map((body) => ({ txt: toTxt(body), srt: toSrt(body), vtt: toVtt(body) }))));
