-- Grade-school word problems that take several steps (Cobbe et al. 2021); the answer stands after "####".
local number = include "lib/number.lua"

return generate {
  name = "gsm8k", version = 3,
  data = hub "openai/gsm8k" {
    revision = "740312add88f781978c0658806c59bc2815b9866", config = "main", test = "test", shots = "train" },
  doc = function(row) return { query = "Question: " .. row.question .. "\nAnswer:", gold = row.answer } end,
  shots = 5, stop = { "Question:", "</s>", "<|im_end|>" },
  filters = {
    ["strict-match"] = { regex [[#### (\-?[0-9\.\,]+)]], take_first },
    ["flexible-extract"] = number.flexible() },
  main = "exact_match", ignore = number.ignore,
  licence = "MIT", languages = { "eng-Latn" }, domains = { "mathematics" },
  reference = "https://arxiv.org/abs/2110.14168", published = "2021-10-27",
}
