-- Do two questions of a telephone company's forum ask the same (Shah et al. 2018)?
local mteb = include "lib/mteb.lua"

return pair {
  name = "SprintDuplicateQuestions", version = 1,
  data = mteb.data("sprintduplicatequestions-pairclassification",
    { revision = "d66bd1f72af766a5cc4b0ca5e00c162f89e8cc46" }),
  pair = mteb.duplicates, prompt = "Retrieve duplicate questions from Sprint forum",
  main = "max_ap", report = mteb.metrics.pair,
  licence = "not specified", languages = { "eng-Latn" }, domains = { "programming", "written" },
  reference = "https://aclanthology.org/D18-1131/", published = "2018-10-31",
}
