-- A policy for a public board (--policy public, or ASSAY_POLICY=public): models that anybody may look at, of a size that
-- the machines can carry, under a licence that says what it allows. Copy it, and change the four tables.

local MAX_PARAMS = 80 * B

local LICENCES = set {
  "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "bsd", "isc", "mpl-2.0", "lgpl-3.0", "gpl-3.0", "agpl-3.0",
  "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "unlicense", "openrail", "openrail++",
  "bigscience-openrail-m", "creativeml-openrail-m", "bigcode-openrail-m", "gemma", "llama2", "llama3", "llama3.1",
  "llama3.2", "llama3.3", "llama4",
}

-- "org/name", or "org/*" for all of an organisation's. Bans with a reason and a record: `assay queue ban`.
local BLOCKED = {}

-- Tags that no board wants without somebody having looked at it.
local SENSITIVE = { "not-for-all-audiences" }

return function(model)
  if listed(model.id, BLOCKED) then
    return refuse("blocked", "it is on this board's blocklist")
  end
  for _, base in ipairs(model.base_models or {}) do
    if listed(base, BLOCKED) then return refuse("blocked", "it was made from " .. base:sub(1, 100) .. ", which is on the blocklist") end
  end
  if model.kind ~= "hub" or model.private then
    return refuse("not-public", "nobody else could look at it")
  end
  if model.duplicate_of then
    return refuse("duplicate", "its files are those of " .. model.duplicate_of .. ", which has results")
  end
  if model.params and model.params > MAX_PARAMS then
    return refuse("too-large", string.format("it has %.1f billion parameters, %.0f at most are run here",
      model.params / B, MAX_PARAMS / B))
  end
  for _, tag in ipairs(SENSITIVE) do
    if tagged(model, tag) then return hold("sensitive", "it is tagged " .. tag) end
  end
  if not model.licence then
    return hold("no-licence", "its card names no licence")
  end
  if not LICENCES[model.licence:lower()] then
    return hold("licence", "its licence is not one of those that are known here: " .. model.licence:sub(1, 80))
  end
  return accept()
end
