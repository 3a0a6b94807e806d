-- Semantic textual similarity, 2012 to 2017, selected by Cer et al. 2017.
return sts {
  name = "STSBenchmark", version = 1,
  data = hub "mteb/stsbenchmark-sts" { revision = "b0fddb56ed78048fa8b90373c8a3cfc37b684831", test = "test" },
  pair = function(row) return row.sentence1, row.sentence2, row.score end,
  range = { 0, 5 }, main = "cosine_spearman",
  report = { "cosine_spearman", "cosine_pearson", "manhattan_spearman", "manhattan_pearson", "euclidean_spearman",
    "euclidean_pearson", "spearman", "pearson" },
  licence = "CC BY-SA 4.0", languages = { "eng-Latn" }, domains = { "news", "captions", "forums" }, baseline = 0,
  reference = "https://aclanthology.org/S17-2001/", published = "2017-08-03",
}
