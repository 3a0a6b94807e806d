-- variants: boolean_expressions causal_judgement date_understanding disambiguation_qa formal_fallacies geometric_shapes hyperbaton logical_deduction_five_objects logical_deduction_seven_objects logical_deduction_three_objects movie_recommendation navigate object_counting penguins_in_a_table reasoning_about_colored_objects ruin_names salient_translation_error_detection snarks sports_understanding temporal_sequences tracking_shuffled_objects_five_objects tracking_shuffled_objects_seven_objects tracking_shuffled_objects_three_objects web_of_lies
-- One of the harder subtasks of BIG-Bench, three examples before the question. What stands first has no line of its own:
-- the first "Q:" is glued to it, as the harness glues it. Where the data's answer is none of the choices none is right.
local set, right = include("lib/bbh.lua")[variant], include "lib/target.lua"

return choice {
  name = "leaderboard_bbh_" .. variant, version = 1,
  data = hub "SaylorTwift/bbh" {
    revision = "b5306be6f827cfafbb545ff5a51f96916029b0fd", config = variant, test = "test" },
  doc = function(row) return {
    query = "Q: " .. row.input .. "\nA:", choices = set.choices, gold = right(row.target, set.choices) } end,
  description = set.description, shots = 3, sampler = set.shots, main = "acc_norm", report = { "acc_norm" },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "reasoning" }, baseline = 1 / #set.choices,
  reference = "https://arxiv.org/abs/2210.09261", published = "2022-10-17",
}
