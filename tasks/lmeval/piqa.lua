-- How to do things in the physical world: which of two solutions works (Bisk et al. 2019).
local wordings = include "lib/wordings.lua"

local function doc(row)
  return { query = "Question: " .. row.goal .. "\nAnswer:", choices = { row.sol1, row.sol2 }, gold = row.label }
end

return choice {
  name = "piqa", version = 1,
  data = hub "baber/piqa" {
    revision = "142f6d7367fd9877f0fb3b5734ea6a545f54cdd1", test = "validation", shots = "train" },
  doc = doc, wordings = wordings(doc, function(row) return row.goal end),
  main = "acc_norm", report = { "acc", "acc_norm" },
  licence = "AFL-3.0", languages = { "eng-Latn" }, domains = { "common sense" }, baseline = 0.5,
  reference = "https://arxiv.org/abs/1911.11641", published = "2019-11-26",
}
