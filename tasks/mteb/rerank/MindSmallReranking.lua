-- Which news does somebody read next (Wu et al. 2020)? A candidate counts by the best of the titles read before, each of
-- which is a query of its own.
local mteb = include "lib/mteb.lua"

return rerank {
  name = "MindSmallReranking", version = 1,
  data = mteb.data("MindSmallReranking", { revision = "227478e3235572039f4f7661840e059f31ef6eb1" }),
  prompt = "Retrieve relevant news articles based on user browsing history",
  main = "max_over_subqueries_map_at_1000", report = { "max_over_subqueries_map_at_1000", "map_at_1000", "ndcg_at_10" },
  licence = "Microsoft Research License", languages = { "eng-Latn" }, domains = { "news", "written" },
  reference = "https://aclanthology.org/2020.acl-main.331/", published = "2020-07-05",
}
