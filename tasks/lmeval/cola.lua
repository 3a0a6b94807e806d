-- Whether a sentence is acceptable English (Warstadt et al. 2018).
return choice {
  name = "cola", version = 1,
  data = hub "nyu-mll/glue" {
    revision = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c", config = "cola", test = "validation", shots = "train" },
  doc = function(row) return {
    query = row.sentence .. "\nQuestion: Does this sentence make sense?\nAnswer:", choices = { "no", "yes" },
    gold = row.label } end,
  main = "mcc", report = { "mcc" },
  licence = "unknown", languages = { "eng-Latn" }, domains = { "grammar" }, baseline = 0,
  reference = "https://arxiv.org/abs/1805.12471", published = "2018-05-31",
}
