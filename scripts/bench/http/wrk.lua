-- Sends the requests that lie in the files of the arguments, one after the other, and tells the result as JSON.

local requests = {}
local sent = 0

function init(files)
  for _, path in ipairs(files) do
    local file = assert(io.open(path, "rb"))
    requests[#requests + 1] = file:read("*a")
    file:close()
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  io.write(string.format('{"requests":%d,"durationMs":%f,"failed":%d}\n',
    summary.requests, summary.duration / 1000, failed))
end
