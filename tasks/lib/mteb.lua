-- What mteb's English tasks have in common: the metrics that its result files show, a kind at a time, where their data
-- sets lie, and what is said of several tasks over the same texts.
local mteb = { metrics = {
  sts = { "cosine_spearman", "cosine_pearson", "manhattan_spearman", "manhattan_pearson", "euclidean_spearman",
    "euclidean_pearson", "spearman", "pearson" },
  retrieval = { "ndcg_at_10", "ndcg_at_1", "ndcg_at_3", "ndcg_at_5", "ndcg_at_20", "ndcg_at_100", "ndcg_at_1000",
    "map_at_10", "map_at_100", "map_at_1000", "recall_at_10", "recall_at_100", "recall_at_1000", "precision_at_10",
    "mrr_at_10" },
  rerank = { "map_at_1000", "ndcg_at_10", "mrr_at_10", "map", "mrr" },
  pair = { "max_ap", "max_accuracy", "max_f1", "cosine_ap", "cosine_accuracy", "cosine_f1", "dot_ap", "manhattan_ap",
    "euclidean_ap", "similarity_ap" },
} }

-- Average precision is of two labels only.
function mteb.metrics.classification(labels)
  local list = { "accuracy", "f1", "f1_weighted", "precision", "recall" }
  if labels == 2 then list[#list + 1] = "ap" end
  return list
end

-- fields: of `hub`. All of these data sets are mteb's own copies.
function mteb.data(name, fields)
  return hub("mteb/" .. name)(fields)
end

-- Pairs as these sets keep them: three lists in a single row.
function mteb.duplicates(row)
  return row.sent1, row.sent2, row.labels
end

local papers, forums = { "academic", "written" }, { "web", "written" }
local clusters = {
  arxiv = { licence = "CC0 1.0", domains = papers, reference = "https://www.kaggle.com/Cornell-University/arxiv" },
  biorxiv = { licence = "bioRxiv's terms", domains = papers, reference = "https://api.biorxiv.org/" },
  medrxiv = { licence = "medRxiv's terms", domains = { "academic", "medical", "written" },
    reference = "https://api.medrxiv.org/" },
  reddit = { licence = "not specified", domains = { "web", "social", "written" },
    reference = "https://arxiv.org/abs/2104.07081", published = "2021-04-14" },
  stackexchange = { licence = "not specified", domains = forums, reference = "https://arxiv.org/abs/2104.07081",
    published = "2021-04-14" },
  twentynewsgroups = { licence = "not specified", domains = { "news", "written" },
    reference = "https://scikit-learn.org/0.19/datasets/twenty_newsgroups.html", published = "1995-01-01" },
}

-- Completes a clustering task over one of these sources.
function mteb.clusters(source, task)
  for key, value in pairs(clusters[source]) do task[key] = value end
  task.item = task.item or function(row) return row.sentences, row.labels end
  task.main, task.report, task.languages = "v_measure", { "v_measure" }, { "eng-Latn" }
  return task
end

return mteb
