// What the account has used: by day, and request by request.

import { clock, count, failure, h } from "./dom.js";
import { client } from "./session.js";

const DAYS = 31;
const when = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

export function usageCards({ days, requests, next_cursor: cursor }) {
  if (!requests.length) return [];
  return [daysCard(days), requestsCard(requests, cursor)];
}

function daysCard(days) {
  const byDate = new Map(days.map((day) => [day.date, day]));
  const busiest = Math.max(...days.map((day) => day.credits), 1);
  const bars = Array.from({ length: DAYS }, (_, index) => {
    const date = new Date(Date.now() - (DAYS - 1 - index) * 86_400_000).toISOString().slice(0, 10);
    const { credits = 0, requests = 0 } = byDate.get(date) ?? {};
    const bar = h("li", { class: requests ? "" : "none", title: `${date}: ${count(requests, "request")}, ${count(credits, "minute")}` });
    bar.style.height = `${requests ? Math.max(6, (100 * credits) / busiest) : 2}%`;
    return bar;
  });
  const [minutes, requests] = ["credits", "requests"].map((name) => days.reduce((sum, day) => sum + day[name], 0));
  const sums = `${count(minutes, "minute")} in ${count(requests, "request")} in the last ${DAYS} days`;
  return h("div", { class: "card" }, h("h2", {}, "Usage"),
    h("ul", { class: "days", "aria-hidden": "true" }, ...bars), h("p", { class: "muted" }, h("small", {}, sums)));
}

function requestsCard(requests, cursor) {
  const body = h("tbody", {}, ...requests.map(row));
  const titles = ["When", "What", "Audio", "Charged", "Request"];
  const head = h("tr", {}, ...titles.map((title, index) => h("th", { scope: "col", class: [2, 3].includes(index) && "number" }, title)));
  const place = h("div");
  const more = h("button", { type: "button", hidden: !cursor }, "More");
  more.addEventListener("click", async () => {
    more.disabled = true;
    place.replaceChildren();
    try {
      const page = await client.usage({ cursor, limit: 50 });
      body.append(...page.requests.map(row));
      cursor = page.next_cursor;
      more.hidden = !cursor;
    } catch (error) {
      place.replaceChildren(failure(error));
    } finally {
      more.disabled = false;
    }
  });
  return h("div", { class: "card" }, h("h2", {}, "Requests"),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Requests" }, h("table", {}, h("thead", {}, head), body)), place, more);
}

function row({ at, kind, seconds, credits, request_id: id }) {
  return h("tr", {},
    h("td", { class: "whole" }, when.format(new Date(at))), h("td", {}, kind), h("td", { class: "number" }, clock(seconds)),
    h("td", { class: "number" }, String(credits)), h("td", {}, h("code", {}, id)));
}
