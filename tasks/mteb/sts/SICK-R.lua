-- Relatedness of sentences about everyday scenes (Marelli et al. 2014): all pairs of the data set, as mteb has them.
local mteb = include "lib/mteb.lua"

return sts {
  name = "SICK-R", version = 1,
  data = mteb.data("sickr-sts", { revision = "20a6d6f312dd54037fe07a32d58e5e168867909d" }),
  pair = function(row) return row.sentence1, row.sentence2, row.score end,
  range = { 0, 5 }, main = "cosine_spearman", report = mteb.metrics.sts,
  licence = "CC BY-NC-SA 3.0", languages = { "eng-Latn" }, domains = { "web", "written" }, baseline = 0,
  reference = "https://aclanthology.org/L14-1314/", published = "2014-05-26",
}
