-- Elementary science that takes one fact from a book and one from common sense (Mihaylov et al. 2018).
local wordings = include "lib/wordings.lua"

local function doc(row)
  return { query = row.question_stem, choices = row.choices.text,
    gold = letters.index(row.choices.label, trim(row.answerKey)) }
end

return choice {
  name = "openbookqa", version = 1,
  data = hub "allenai/openbookqa" {
    revision = "388097ea7776314e93a529163e0fea805b8a6454", config = "main", test = "test", shots = "train" },
  doc = doc, wordings = wordings(doc, function(row) return row.question_stem end),
  main = "acc_norm", report = { "acc", "acc_norm" },
  licence = "unknown", languages = { "eng-Latn" }, domains = { "science" }, baseline = 0.25,
  reference = "https://arxiv.org/abs/1809.02789", published = "2018-09-08",
}
