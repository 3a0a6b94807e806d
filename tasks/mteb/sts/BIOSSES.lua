-- Similarity of sentences from biomedical papers (Soğancıoğlu et al. 2017).
local mteb = include "lib/mteb.lua"

return sts {
  name = "BIOSSES", version = 1,
  data = mteb.data("biosses-sts", { revision = "d3fb88f8f02e40887cd149695127462bbcf29b4a" }),
  pair = function(row) return row.sentence1, row.sentence2, row.score end,
  range = { 0, 5 }, main = "cosine_spearman", report = mteb.metrics.sts,
  licence = "not specified", languages = { "eng-Latn" }, domains = { "medical" }, baseline = 0,
  reference = "https://tabilab.cmpe.boun.edu.tr/BIOSSES/DataSet.html", published = "2017-07-12",
}
