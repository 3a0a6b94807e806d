-- The Cranfield collection of 1,400 abstracts; a reference score of it is kept (golden.py --task-dir).
local names = {}
for _, name in ipairs { "ndcg", "map", "recall", "precision", "mrr", "hit_rate" } do
  for _, k in ipairs { 1, 3, 5, 10, 20, 100, 1000 } do names[#names + 1] = format("%s_at_%d", name, k) end
end
for _, spread in ipairs { "max", "std", "diff1" } do names[#names + 1] = "nauc_ndcg_at_10_" .. spread end

return retrieval {
  name = "Cranfield", version = 1,
  data = hub "assay-data/cranfield" { test = "test" },
  main = "ndcg_at_10", report = names,
}
