-- variants: biology business chemistry computer_science economics engineering health history law math other philosophy physics psychology
-- MMLU made harder: up to ten choices, more questions that take reasoning (Wang et al. 2024); five examples with a chain of
-- thought before the question.
local subject = variant:gsub("_", " ")

local function asked(row)
  local lines = { "Question:\n", row.question, "\nOptions:\n" }
  for i, option in ipairs(row.options) do
    if i <= 10 then lines[#lines + 1] = letters[i] .. ". " .. trim(option) .. "\n" end
  end
  return join(lines) .. "Answer: Let's think step by step."
end

return generate {
  name = "mmlu_pro_" .. variant, version = 3, -- the harness's 3.1
  data = hub "TIGER-Lab/MMLU-Pro" {
    revision = "b189ec765aa7ed75c8acfea42df31fdae71f97be", test = "test", shots = "validation" },
  where = function(row) return row.category == subject end,
  doc = function(row) return { query = asked(row), gold = row.answer } end,
  shot = function(row) return {
    query = asked(row), gold = replace(row.cot_content, "A: Let's think step by step. ", "") } end,
  description = "The following are multiple choice questions (with answers) about " .. subject .. ". Think step by step and then finish your answer with \"the answer is (X)\" where X is the correct letter choice.\n",
  shots = 5, sampler = "first_n", stop = { "Question:" }, max_tokens = 2048,
  filters = { ["custom-extract"] = { regex [[answer is \(?([ABCDEFGHIJ])\)?]], take_first } },
  main = "exact_match", ignore = { case = true, punctuation = true },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "knowledge" }, baseline = 0.1,
  reference = "https://arxiv.org/abs/2406.01574", published = "2024-06-03",
}
