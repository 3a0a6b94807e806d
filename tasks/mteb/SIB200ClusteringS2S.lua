-- Topics of Flores-200's sentences, the same sentences in every language. Adelani et al. 2023. The three splits are one
-- list of 1 004 sentences; languages share one stream of random draws, in the order in which they are run.
local flores = include "lib/flores.lua"

return clustering {
  name = "SIB200ClusteringS2S", version = 1,
  data = hub "mteb/sib200" { revision = "a74d7350ea12af010cfb1c21e34f1f81fd2e615b",
    subsets = flores.subsets },
  item = function(row) return row.text, row.category end,
  version_of_protocol = 2, joined = { "train", "validation", "test" }, max_documents = 1004,
  main = "v_measure",
  licence = "CC BY-SA 4.0", languages = flores.languages, domains = { "news", "written" },
  reference = "https://arxiv.org/abs/2309.07445", published = "2023-09-14",
}
