-- Tells in JSON, as the service does, what HAProxy's HTTP parser answers in HTML (haproxy.py says why).

local FAILURES = {
  ["400"] = { "malformed_request", "The request is not valid HTTP, or its headers are more than 16 kB or 100. " ..
    "Let an HTTP client write it, with an address and headers in ASCII." },
  ["408"] = { "request_timeout", "The request did not come in time. Send its headers at once." },
}
local OTHER = { "internal_error", "Something went wrong on our side. Try again; if it stays, report the request id." }

-- Such an answer is always the last bytes of a connection.
local LONGEST = 400
local HTML = "HTTP/1%.1 (%d%d%d) ([%w%- ]*)\r\nContent%-length: %d+\r\nCache%-Control: no%-cache\r\n" ..
  "Connection: close\r\nContent%-Type: text/html\r\n\r\n<html><body><h1>.*</body></html>\n$"

local function told(status, phrase, request_id)
  local failure = FAILURES[status] or OTHER
  local body = string.format('{"error": "%s", "code": "%s", "request_id": "%s"}', failure[2], failure[1], request_id)
  return table.concat({
    "HTTP/1.1 " .. status .. " " .. phrase,
    "Content-Type: application/json",
    "Content-Length: " .. #body,
    "X-Request-ID: " .. request_id,
    "Access-Control-Allow-Origin: *",
    "Access-Control-Expose-Headers: X-Request-ID",
    "Cache-Control: no-cache",
    "Connection: close",
    "",
    body,
  }, "\r\n")
end

local Errors = { id = "json-errors", flags = 0 }
Errors.__index = Errors

function Errors:new()
  return setmetatable({}, Errors)
end

function Errors:start_analyze(txn, channel)
  if channel:is_resp() then filter.register_data_filter(self, channel) end
end

function Errors:tcp_payload(txn, channel)
  local from = math.max(0, channel:input() - LONGEST)
  local tail = channel:data(from)
  if not tail then return end
  local begin, _, status, phrase = tail:find(HTML)
  if begin then channel:set(tail:sub(1, begin - 1) .. told(status, phrase, txn.f:uuid()), from) end
end

core.register_filter("json-errors", Errors, function(class) return class end)
