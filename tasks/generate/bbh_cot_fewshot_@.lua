-- variants: boolean_expressions causal_judgement date_understanding disambiguation_qa dyck_languages formal_fallacies geometric_shapes hyperbaton logical_deduction_five_objects logical_deduction_seven_objects logical_deduction_three_objects movie_recommendation multistep_arithmetic_two navigate object_counting penguins_in_a_table reasoning_about_colored_objects ruin_names salient_translation_error_detection snarks sports_understanding temporal_sequences tracking_shuffled_objects_five_objects tracking_shuffled_objects_seven_objects tracking_shuffled_objects_three_objects web_of_lies word_sorting
-- One of the harder subtasks of BIG-Bench (Suzgun et al. 2022), three examples with a chain of thought before the question.
local cot = include "lib/bbh_cot.lua"
local set, targets = cot.sets[variant] or include("lib/bbh.lua")[variant], cot.targets[variant]

local shots = {}
for i, example in ipairs(set.shots) do
  shots[i] = { query = "Q: " .. example.input .. "\nA: Let's think step by step.\n", gold = targets[i] }
end

return generate {
  name = "bbh_cot_fewshot_" .. variant, version = 4,
  data = hub "SaylorTwift/bbh" {
    revision = "b5306be6f827cfafbb545ff5a51f96916029b0fd", config = variant, test = "test" },
  doc = function(row) return {
    query = "Q: " .. row.input .. "\nA: Let's think step by step.\n", gold = row.target } end,
  description = set.description .. "\n\n", delimiter = "", shots = 3, sampler = shots,
  stop = { "</s>", "Q", "\n\n" }, max_tokens = 1024,
  filters = { ["get-answer"] = { regex "(?<=the answer is )(.*)(?=.)", take_first } },
  main = "exact_match",
  licence = "MIT", languages = { "eng-Latn" }, domains = { "reasoning" },
  reference = "https://arxiv.org/abs/2210.09261", published = "2022-10-17",
}
