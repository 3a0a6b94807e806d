-- Which papers belong to a given one, by title (Cohan et al. 2020)?
local mteb = include "lib/mteb.lua"

return rerank {
  name = "SciDocsRR", version = 1,
  data = mteb.data("SciDocsRR", { revision = "39b8377811871075eed9de3b8a7e21aaa6acb3d8" }),
  prompt = "Given a title of a scientific paper, retrieve the titles of other relevant papers",
  main = "map_at_1000", report = mteb.metrics.rerank,
  licence = "CC BY 4.0", languages = { "eng-Latn" }, domains = { "academic", "non-fiction", "written" },
  reference = "https://allenai.org/data/scidocs", published = "2020-04-15",
}
