-- variants: algebra counting_and_prob geometry intermediate_algebra num_theory prealgebra precalc
-- Problems of mathematics competitions (Hendrycks et al. 2021). An answer is what stands between the first and the last
-- dollar sign of the text, or all of it; it is right where its LaTeX, in a normal form, is the solution's to the letter.
local boxed = include "lib/boxed.lua"
local configs = { counting_and_prob = "counting_and_probability", num_theory = "number_theory", precalc = "precalculus" }

return generate {
  name = "hendrycks_math_" .. variant, version = 1,
  data = hub "EleutherAI/hendrycks_math" { revision = "21a5633873b6a120296cce3e2df9d5550074f4a3",
    config = configs[variant] or variant, test = "test", shots = "train" },
  doc = function(row) return { query = "Problem: " .. row.problem .. "\nAnswer:", gold = boxed(row.solution) } end,
  stop = { "Problem:" }, filters = { none = { between_dollars, take_first } },
  main = "exact_match", ignore = { latex = true },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "mathematics" },
  reference = "https://arxiv.org/abs/2103.03874", published = "2021-03-05",
}
