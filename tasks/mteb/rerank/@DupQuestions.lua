-- variants: AskUbuntu StackOverflow
-- Which of twenty or more questions of a forum ask the same as a given one (Lei et al. 2016; Liu et al. 2018)?
local mteb = include "lib/mteb.lua"

local sets = {
  AskUbuntu = { "c5691e3c48741d5f83b5cc8e630653d7a8cfc048", licence = "CC BY-SA 3.0", domains = { "programming", "web" },
    reference = "https://github.com/taolei87/askubuntu" },
  StackOverflow = { "5debda000fe8e27ebb5c123d38081f92e1847a59", licence = "CC BY-NC-SA 4.0",
    domains = { "written", "blog", "programming" },
    reference = "https://www.microsoft.com/en-us/research/uploads/prod/2019/03/nl4se18LinkSO.pdf" },
}
local own = sets[variant]

return rerank {
  name = variant .. "DupQuestions", version = 1,
  data = mteb.data(variant .. "DupQuestions", { revision = own[1] }),
  prompt = "Retrieve duplicate questions from " .. variant .. " forum",
  main = "map_at_1000", report = mteb.metrics.rerank,
  licence = own.licence, languages = { "eng-Latn" }, domains = own.domains, reference = own.reference,
}
