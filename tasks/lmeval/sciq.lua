-- Exam questions of physics, chemistry and biology, with a passage that helps (Welbl et al. 2017). The right answer is
-- always the last choice.
local wordings = include "lib/wordings.lua"

local function doc(row)
  return { query = trim_left(row.support) .. "\nQuestion: " .. row.question .. "\nAnswer:",
    choices = { row.distractor1, row.distractor2, row.distractor3, row.correct_answer }, gold = 3 }
end

return choice {
  name = "sciq", version = 1,
  data = hub "allenai/sciq" {
    revision = "2c94ad3e1aafab77146f384e23536f97a4849815", test = "test", shots = "train" },
  doc = doc, wordings = wordings(doc, function(row) return row.question, trim_left(row.support) .. "\n" end),
  main = "acc_norm", report = { "acc", "acc_norm" },
  licence = "CC BY-NC 3.0", languages = { "eng-Latn" }, domains = { "science" }, baseline = 0.25,
  reference = "https://arxiv.org/abs/1707.06209", published = "2017-07-19",
}
