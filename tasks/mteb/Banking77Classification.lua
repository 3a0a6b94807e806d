-- Intents of customers of a bank, 77 of them. Casanueva et al. 2020.
return classification {
  name = "Banking77Classification", version = 1,
  data = hub "mteb/banking77" { revision = "0fd18e25b25c072e09e0d92ab615fda904d66300", test = "test", train = "train" },
  item = function(row) return row.text, row.label end,
  prompt = "Given a online banking query, find the corresponding intents",
  main = "accuracy",
  report = { "accuracy", "f1", "f1_weighted", "precision", "precision_weighted", "recall", "recall_weighted" },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "written" }, baseline = 1 / 77,
  reference = "https://arxiv.org/abs/2003.04807", published = "2020-03-10",
}
