// The client under test, and what its tests share.
import http from "node:http";
import net from "node:net";
import { once } from "node:events";

export * from "../../stt_ai/console/sdk/stt-ai.js";

export const DATA = new URL("../data/", import.meta.url);

/** A server whose `answer(request, response, body)` is called with each request's whole body; `{url, requests}`. */
export async function serving(test, answer) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    const pieces = [];
    try {
      for await (const piece of request) pieces.push(piece);
    } catch {
      return; // the client went away
    }
    requests.push({ ...request, headers: request.headers, body: Buffer.concat(pieces).toString("latin1") });
    answer(request, response, requests.length);
  });
  return { url: await listening(test, server), requests, server };
}

export async function listening(test, server) {
  const open = new Set();
  server.on("connection", (socket) => open.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** As the service refuses: its JSON, with `headers`. */
export function refuse(response, status, code, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify({ error: `It is ${code}.`, code, request_id: "r1" }));
}

export function answer(response, body, headers = {}) {
  response.writeHead(200, { "Content-Type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

/**
 * What stands before the service at `url` and breaks each connection after as many sent bytes as `cuts` names.
 * Those after the first get through when `ready()` has resolved.
 */
export async function cutting(test, url, cuts, ready = async () => {}) {
  const { hostname, port } = new URL(url);
  const left = [...cuts];
  const server = net.createServer(async (client) => {
    client.on("error", () => {});
    if (left.length < cuts.length) await ready();
    if (client.destroyed) return;
    const service = net.connect(Number(port), hostname);
    let allowed = left.length ? left.shift() : Infinity;
    client.on("data", (data) => {
      allowed -= data.length;
      if (allowed > 0) service.write(data);
      else client.destroy(), service.destroy();
    });
    service.on("data", (data) => client.write(data));
    service.on("error", () => {});
    client.on("close", () => service.destroy());
    service.on("close", () => client.destroy());
  });
  return { url: await listening(test, server), left };
}

export async function collect(events) {
  const all = [];
  for await (const event of events) all.push(event);
  return all;
}
