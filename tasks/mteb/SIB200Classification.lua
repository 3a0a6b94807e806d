-- Topics of Flores-200's sentences, the same sentences in every language. Adelani et al. 2023. Each split is scored; the
-- examples are of the split "train" for all three.
local flores = include "lib/flores.lua"

return classification {
  name = "SIB200Classification", version = 1,
  data = hub "mteb/sib200" { revision = "a74d7350ea12af010cfb1c21e34f1f81fd2e615b", train = "train",
    subsets = flores.subsets },
  splits = { "train", "validation", "test" },
  item = function(row) return row.text, row.category end,
  main = "accuracy",
  report = { "accuracy", "f1", "f1_weighted", "precision", "precision_weighted", "recall", "recall_weighted" },
  licence = "CC BY-SA 4.0", languages = flores.languages, domains = { "news", "written" },
  baseline = 1 / 7, reference = "https://arxiv.org/abs/2309.07445", published = "2023-09-14",
}
