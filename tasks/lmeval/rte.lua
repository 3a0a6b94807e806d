-- Whether one sentence follows from another (the recognising textual entailment challenges, as GLUE has them).
return choice {
  name = "rte", version = 1,
  data = hub "nyu-mll/glue" {
    revision = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c", config = "rte", test = "validation", shots = "train" },
  doc = function(row) return {
    query = row.sentence1 .. "\nQuestion: " .. row.sentence2 .. " True or False?\nAnswer:",
    choices = { "True", "False" }, gold = row.label } end,
  main = "acc", report = { "acc" },
  licence = "unknown", languages = { "eng-Latn" }, domains = { "reading" }, baseline = 0.5,
  reference = "https://arxiv.org/abs/1804.07461", published = "2018-04-20",
}
