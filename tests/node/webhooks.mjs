// Checks webhooks: `{headers, body, secret}`, one a line of the file that is named; tells each event, or what was wrong.

import { readFileSync } from "node:fs";
import { InvalidWebhook, verifyWebhook } from "./sdk.mjs";

const outcomes = [];
for (const line of readFileSync(process.argv[2], "utf8").trim().split("\n")) {
  const { headers, body, secret } = JSON.parse(line);
  const ways = [[headers, body], [new Headers(headers), new TextEncoder().encode(body)]];
  const told = await Promise.all(ways.map(async ([given, content]) => {
    try {
      return JSON.stringify(await verifyWebhook(given, content, secret));
    } catch (error) {
      if (!(error instanceof InvalidWebhook)) throw error;
      return error.name;
    }
  }));
  if (told[0] !== told[1]) throw new Error(told.join(" but "));
  outcomes.push(told[0]);
}
process.stdout.write(JSON.stringify(outcomes));
