-- variants: ClimateFEVER FEVER HotpotQA
-- A thousand queries of a large collection, and of its corpus what is relevant to them and what several models rank
-- highest: nearly as hard as all of it, at a small part of the cost (Enevoldsen et al. 2025).
local mteb = include "lib/mteb.lua"

local sets = {
  ClimateFEVER = { "3a309e201f3c2c4b13bd4a367a8f37eee2ec1d21", licence = "CC BY-SA 4.0",
    domains = { "encyclopaedic", "written" }, reference = "https://arxiv.org/abs/2012.00614" },
  FEVER = { "080c9ed6267b65029207906e815d44a9240bafca", licence = "CC BY-NC-SA 3.0", same = true,
    domains = { "encyclopaedic", "written" }, reference = "https://fever.ai/" },
  HotpotQA = { "617612fa63afcb60e3b134bed8b7216a99707c37", licence = "CC BY-SA 4.0", domains = { "web", "written" },
    reference = "https://hotpotqa.github.io/" },
}
local own = sets[variant]

return retrieval {
  name = variant .. "HardNegatives", version = 1,
  data = mteb.data(variant .. "_test_top_250_only_w_correct-v2", { revision = own[1] }),
  drop_identical_ids = own.same,
  main = "ndcg_at_10", report = mteb.metrics.retrieval,
  licence = own.licence, languages = { "eng-Latn" }, domains = own.domains, reference = own.reference,
}
