-- Two lines of made-up words; the score is how many of their words are the same.
return sts {
  name = "E2EPairs", version = 1, data = file "data/pairs.jsonl" {},
  pair = function(row) return row.a, row.b, row.score end, range = { 0, 4 },
  main = "cosine_spearman", report = { "cosine_spearman", "cosine_pearson" }, baseline = 0, licence = "CC0-1.0",
}
