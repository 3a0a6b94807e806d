-- variants: boolean_expressions causal_judgement date_understanding disambiguation_qa dyck_languages formal_fallacies geometric_shapes hyperbaton logical_deduction_five_objects logical_deduction_seven_objects logical_deduction_three_objects movie_recommendation multistep_arithmetic_two navigate object_counting penguins_in_a_table reasoning_about_colored_objects ruin_names salient_translation_error_detection snarks sports_understanding temporal_sequences tracking_shuffled_objects_five_objects tracking_shuffled_objects_seven_objects tracking_shuffled_objects_three_objects web_of_lies word_sorting
-- One of the harder subtasks of BIG-Bench (Suzgun et al. 2022), a chain of thought without examples.
local set = include("lib/bbh_cot.lua").sets[variant] or include("lib/bbh.lua")[variant]
local answers = include "lib/bbh_zeroshot.lua"

return generate {
  name = "bbh_cot_zeroshot_" .. variant, version = 3,
  data = hub "SaylorTwift/bbh" {
    revision = "b5306be6f827cfafbb545ff5a51f96916029b0fd", config = variant, test = "test" },
  doc = function(row) return {
    query = "Q: " .. row.input .. "\nA: Let's think step by step.", gold = row.target, choices = answers.choices(variant, row) } end,
  description = set.description .. "\n\n", shots = 0, stop = { "</s>", "Q:", "<|im_end|>" },
  filters = {
    ["flexible-extract"] = { answers.step(variant, -1), take_first },
    ["strict-match"] = { regex("((?<=The answer is )(.*)(?=.)|(?<=the answer is )(.*)(?=.)|(?<=The answer: )(.*)(?=.)" ..
      "|(?<=The final answer: )(.*)(?=.))"), take_first },
  },
  main = "exact_match,flexible-extract", report = { "exact_match" },
  ignore = { case = true, regexes = { [[\.$]], ",", [[\\]], "\n", '"' } },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "reasoning" },
  reference = "https://arxiv.org/abs/2210.09261", published = "2022-10-17",
}
