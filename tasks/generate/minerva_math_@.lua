-- variants: algebra counting_and_prob geometry intermediate_algebra num_theory prealgebra precalc
-- Problems of mathematics competitions (Hendrycks et al. 2021) after Minerva's four examples (Lewkowycz et al. 2022). An
-- answer is right where it is the solution's formula. Where that cannot be told here, which the harness leaves to sympy, the
-- answer counts as wrong and in "abstained". The harness's other metric, math_verify, is not measured.
local boxed = include "lib/boxed.lua"
local configs = { counting_and_prob = "counting_and_probability", num_theory = "number_theory", precalc = "precalculus" }

return generate {
  name = "minerva_math_" .. variant, version = 3, -- the harness's 3.1
  data = hub "EleutherAI/hendrycks_math" { revision = "21a5633873b6a120296cce3e2df9d5550074f4a3",
    config = configs[variant] or variant, test = "test" },
  doc = function(row) return {
    query = "Problem:\n" .. row.problem .. "\n\nSolution:", gold = boxed(row.solution) } end,
  shots = 4, sampler = include "lib/minerva.lua", stop = { "Problem:" },
  filters = { none = { final_answer, take_first } },
  main = "exact_match", ignore = { formula = true },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "mathematics" },
  reference = "https://arxiv.org/abs/2206.14858", published = "2022-06-29",
}
