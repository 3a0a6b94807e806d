-- Yes or no, answered by a passage (Clark et al. 2019).
local wordings = include "lib/wordings.lua"

local function doc(row)
  return { query = row.passage .. "\nQuestion: " .. row.question .. "?\nAnswer:", choices = { "no", "yes" },
    gold = row.label }
end

return choice {
  name = "boolq", version = 2,
  data = hub "aps/super_glue" {
    revision = "3de24cf8022e94f4ee4b9d55a6f539891524d646", config = "boolq", test = "validation", shots = "train" },
  doc = doc, wordings = wordings(doc, function(row) return row.question .. "?", row.passage .. "\n" end),
  main = "acc", report = { "acc" },
  licence = "CC BY-SA 3.0", languages = { "eng-Latn" }, domains = { "reading" }, baseline = 0.5,
  reference = "https://arxiv.org/abs/1905.10044", published = "2019-05-24",
}
