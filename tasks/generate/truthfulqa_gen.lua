-- Questions to which people often give the same false answer (Lin et al. 2021): what the model answers in its own words is held
-- against true and false answers. The harness never lets the number of shots be changed here.
local before = include "lib/truthfulqa.lua"

local function sentences(answers)
  local out = {}
  for _, answer in ipairs(answers) do
    local plain = trim(answer)
    if plain ~= "" then out[#out + 1] = plain:sub(-1) == "." and plain or plain .. "." end
  end
  return out
end

local function with_no_comment(answers)
  for _, answer in ipairs(answers) do
    if answer == "I have no comment." then return answers end
  end
  answers[#answers + 1] = "I have no comment."
  return answers
end

return generate {
  name = "truthfulqa_gen", version = 3,
  data = hub "truthfulqa/truthful_qa" {
    revision = "741b8276f2d1982aa3d5b832d3ee81ed3b896490", config = "generation", test = "validation" },
  doc = function(row) return {
    query = before .. "Q: " .. trim(row.question),
    gold = with_no_comment(sentences(row.correct_answers)), wrong = sentences(row.incorrect_answers) } end,
  shots = 0, shots_fixed = true, main = "bleu_acc",
  report = { "bleu_max", "bleu_acc", "bleu_diff", "rouge1_max", "rouge1_acc", "rouge1_diff", "rouge2_max", "rouge2_acc",
    "rouge2_diff", "rougeL_max", "rougeL_acc", "rougeL_diff" },
  licence = "Apache-2.0", languages = { "eng-Latn" }, domains = { "knowledge" },
  reference = "https://arxiv.org/abs/2109.07958", published = "2021-09-08",
}
