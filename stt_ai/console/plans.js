// What each plan allows and costs, and where the operator sells credits.

import { $, bytes, count, failure, h } from "./dom.js";
import { client, signedIn } from "./session.js";

const NAMES = { anonymous: "Without a key", free: "Free account", paid: "Credits" };

export async function openPlans() {
  try {
    const { plans, quotas, upgrade_url: url } = await client.plans();
    if (!quotas) return $("plans-body").replaceChildren(h("p", { class: "lead" }, "This service counts and charges nothing."));
    const lead = "One credit is one minute of audio; each started minute counts. A request that fails costs nothing.";
    $("plans-body").replaceChildren(
      h("p", { class: "lead" }, lead),
      h("div", { class: "plans" }, ...plans.map(card)),
      h("p", {}, ...more(url)),
    );
  } catch (error) {
    $("plans-body").replaceChildren(failure(error, openPlans));
  }
}

function card({ name, allowance, max_file_bytes: size, at_once: parallel }) {
  const facts = [allowed(allowance), `Files up to ${bytes(size)}`, `${count(parallel, "transcription")} at a time`];
  return h("div", { class: "card" }, h("h2", {}, NAMES[name] ?? name), h("ul", {}, ...facts.map((fact) => h("li", {}, fact))));
}

function allowed({ amount, unit, period }) {
  return amount === null ? "As many minutes as you have credits" : `${amount} ${unit} a ${period}`;
}

function more(url) {
  const own = signedIn() ? [] : [h("a", { href: "#account" }, "Create a free account"), ". "];
  const buying = url ? [h("a", { href: url }, "Buy credits")] : ["To buy credits, ask whoever runs this service."];
  return [...own, ...buying];
}
