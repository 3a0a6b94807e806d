-- Grade-school word problems (Cobbe et al. 2021) after the eight examples of the paper on chains of thought (Wei et al. 2022).
local number = include "lib/number.lua"

return generate {
  name = "gsm8k_cot", version = 3,
  data = hub "openai/gsm8k" {
    revision = "740312add88f781978c0658806c59bc2815b9866", config = "main", test = "test" },
  doc = function(row)
    local parts = split(row.answer, "####")
    return { query = "Q: " .. row.question .. "\nA:", gold = trim(parts[#parts]) }
  end,
  shots = 8, sampler = include "lib/gsm8k_cot.lua", stop = { "Q:", "</s>", "<|im_end|>" },
  filters = {
    ["strict-match"] = { regex [[The answer is (\-?[0-9\.\,]+).]], take_first },
    ["flexible-extract"] = number.flexible() },
  main = "exact_match", ignore = number.ignore,
  licence = "MIT", languages = { "eng-Latn" }, domains = { "mathematics" },
  reference = "https://arxiv.org/abs/2201.11903", published = "2022-01-28",
}
