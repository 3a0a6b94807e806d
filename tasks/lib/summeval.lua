-- SummEval by either of mteb's two rules.
return function(name, protocol)
  return summary {
    name = name, version = 1, version_of_protocol = protocol,
    data = hub "mteb/summeval" { revision = "cda12ad7615edc362dbf25a00fdd61d3b1eaf93c" },
    item = function(row)
      return { human = row.human_summaries, machine = row.machine_summaries, scores = row.relevance }
    end,
    range = { 0, 5 }, main = "cosine_spearman",
    report = { "cosine_spearman", "cosine_pearson", "dot_spearman", "dot_pearson", "spearman", "pearson" },
    licence = "MIT", languages = { "eng-Latn" }, domains = { "news", "written" },
    reference = "https://arxiv.org/abs/2007.12626", published = "2020-07-24", baseline = protocol == 2 and 0 or nil,
  }
end
