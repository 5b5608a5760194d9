// Writes transcripts as subtitles and text: `{transcript, options}`, one a line of the file that is named.

import { readFileSync } from "node:fs";
import { toSrt, toTsv, toTxt, toVtt } from "./sdk.mjs";

const cases = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => JSON.parse(line));
const written = ({ transcript, options }) => {
  const write = (writer) => writer(transcript, options);
  return { txt: write(toTxt), srt: write(toSrt), vtt: write(toVtt), tsv: write(toTsv) };
};
process.stdout.write(JSON.stringify(cases.map(written)));
