-- Entailment among SICK's test pairs as pair classification; a reference score of it is kept (golden.py --task-dir).
return pair {
  name = "SICK-E-PC", version = 1,
  data = hub "assay-data/sick-e-pair" { test = "test" },
  pair = function(row) return row.sentence1, row.sentence2, row.labels end,
  main = "max_ap",
  report = { "max_ap", "max_accuracy", "max_f1", "max_precision", "max_recall", "similarity_ap", "cosine_ap", "cosine_accuracy",
    "cosine_f1", "cosine_precision", "cosine_recall", "dot_ap", "manhattan_ap", "manhattan_accuracy", "manhattan_f1",
    "manhattan_precision", "manhattan_recall", "euclidean_ap" },
}
