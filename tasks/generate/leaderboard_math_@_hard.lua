-- variants: algebra counting_and_prob geometry intermediate_algebra num_theory prealgebra precalculus
-- The hardest problems of mathematics competitions (Hendrycks et al. 2021: level 5) as the second Open LLM Leaderboard asks
-- them. Measured is what it measured first and the harness calls exact_match_original: the final answer's formula, in a normal
-- form that stays as it was. The harness's exact_match, by the package math-verify, is not measured. Where formulas cannot
-- be told apart here, which the harness leaves to sympy, the answer counts as wrong and in "abstained".
local boxed = include "lib/boxed.lua"
local configs = { counting_and_prob = "counting_and_probability", num_theory = "number_theory" }

return generate {
  name = "leaderboard_math_" .. variant .. "_hard", version = 3,
  data = hub "DigitalLearningGmbH/MATH-lighteval" { revision = "0530c78699ea5e8eb5530600900e1f328b48acad",
    config = configs[variant] or variant, test = "test" },
  where = function(row) return row.level == "Level 5" end,
  doc = function(row) return {
    query = "Problem:\n" .. row.problem .. "\n\nSolution:", gold = boxed(row.solution) or "[invalidanswer]" } end,
  shots = 4, sampler = include "lib/minerva_frozen.lua", stop = { "Problem:" }, max_tokens = 1024,
  filters = { none = { final_answer, take_first } },
  main = "exact_match_original", ignore = { formula = true, frozen = true },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "mathematics" },
  reference = "https://arxiv.org/abs/2103.03874", published = "2021-03-05",
}
