-- Requests of all kinds, right and wrong, by turns: for wrk.
local json = {["Content-Type"] = "application/json"}
local text = {["Accept"] = "text/plain"}
local lines = {["Accept"] = "application/x-ndjson"}
local requests = {
  {"GET", "/v1/hosts"},
  {"GET", "/v1/hosts", text},
  {"GET", "/v1/vms?limit=20"},
  {"GET", "/v1/vms?limit=20", lines},
  {"GET", "/v1/vms?state=paused,saved&host=h1", text},
  {"GET", "/v1/vms/h3-vm7"},
  {"GET", "/v1/vms/h3-vm7/history"},
  {"GET", "/v1/status"},
  {"GET", "/v1/limits"},
  {"GET", "/v1/jobs?limit=5"},
  {"GET", "/v1/plans?limit=5"},
  {"GET", "/v1/decisions?limit=5"},
  {"GET", "/v1/events?limit=5"},
  {"GET", "/v1/history"},
  {"GET", "/v1/whoami"},
  {"GET", "/v1/tokens"},
  {"GET", "/healthz"},
  {"GET", "/readyz"},
  {"POST", "/v1/vms/h3-vm7:migrate?dry_run=true", json, "{}"},
  {"POST", "/v1/vms/h3-vm7:set-movable", json, '{"movable":true}'},
  {"POST", "/v1/sessions", json, '{"user":"ann","pool":"nothing"}'},
  {"PUT", "/v1/pools/nothing/targets", json, '{"ready":1}'},
  {"DELETE", "/v1/sessions/9"},
  {"GET", "/v1/nothing"},
  {"GET", "/v1/vms?unknown=1"},
  {"GET", "/v1/vms?page_token=zz"},
  {"GET", "/v1/vms/nobody"},
  {"GET", "/v1/events?since=1"},
  {"PUT", "/v1/vms"},
  {"POST", "/v1/vms", json, "{"},
  {"POST", "/v1/vms", json, '{"name":[],"type":7}'},
  {"POST", "/v1/vms", json, string.rep("[", 2000)},
  {"POST", "/v1/plans", json, '{"policy":"nonsense","parameters":{"window":-1}}'},
  {"POST", "/v1/vms/h3-vm7:migrate", json, '{"to":"nobody"}'},
  {"POST", "/v1/vms", json, '{"name":"\255\254"}'},
  {"POST", "/v1/tokens", json, string.rep("x", 70000)},
  {"GET", "/" .. string.rep("a", 600)},
  {"GET", "/v1/hosts?" .. string.rep("b", 600) .. "=1"},
  {"GET", "/v1/hosts", {["Idempotency-Key"] = string.rep("k", 100)}},
}
-- A plan takes a thousand times as long as a refusal: now and then.
local rare = {"POST", "/v1/explain", json, "{}"}
local turn = 0

request = function()
  turn = turn + 1
  local one = turn % 1000 == 0 and rare or requests[turn % #requests + 1]
  return wrk.format(one[1], one[2], one[3], one[4])
end
