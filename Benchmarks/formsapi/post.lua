-- Posts hotline forms that all differ, so that each is stored.
local serial = 0
local thread = 0
local count = 0
function setup(one)
  one:set("number", count)
  count = count + 1
end
function request()
  serial = serial + 1
  local body = "_form=" .. os.getenv("FORM") .. "&_lang=zh&nature=help&subject=%E6%B5%8B%E8%AF%95%E8%AF%89%E6%B1%82" .. os.getenv("RUN") .. "-" .. number .. "-" .. serial
    .. "&details=" .. string.rep("%E8%BF%99%E6%98%AF%E6%B5%8B%E8%AF%95", 60) .. "&place.unit=chaohua&place.rest=%E6%96%87%E5%8C%96%E5%B9%BF%E5%9C%BA&phone=13800000000&publish=refuse"
  return wrk.format("POST", "/forms/hotline", { ["Content-Type"] = "application/x-www-form-urlencoded" }, body)
end
local bad = 0
function response(status)
  if status ~= 303 then bad = bad + 1 end
end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %.3f %.3f %.3f\n", summary.requests, summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
  io.write(string.format("ERRORS %d %d\n", summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
