// Checks webhooks: `{headers, body, secret}`, one a line of the file that is named; prints each event, or what was wrong.

import { readFileSync } from "node:fs";
import { InvalidWebhook, verifyWebhook } from "./sdk.mjs";

const outcomes = [];
for (const line of readFileSync(process.argv[2], "utf8").trim().split("\n")) {
  const { headers, body, secret } = JSON.parse(line);
  const ways = [[headers, body], [new Headers(headers), new TextEncoder().encode(body)]];
  const reported = await Promise.all(ways.map(async ([given, content]) => {
    try {
      return JSON.stringify(await verifyWebhook(given, content, secret));
    } catch (error) {
      if (!(error instanceof InvalidWebhook)) throw error;
      return error.name;
    }
  }));
  if (reported[0] !== reported[1]) throw new Error(reported.join(" but "));
  outcomes.push(reported[0]);
}
process.stdout.write(JSON.stringify(outcomes));
