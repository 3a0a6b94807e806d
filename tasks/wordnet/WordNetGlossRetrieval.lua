-- From a definition to the word: the query is a noun's gloss, the corpus the words of two thousand nouns.
local wordnet = include "lib/wordnet.lua"

return retrieval(wordnet.about {
  name = "WordNetGlossRetrieval", version = 1,
  data = file(wordnet.path) { format = "lines" },
  documents = function(rows)
    local sample = wordnet.sample(wordnet.read(rows), rng(wordnet.seed), 2000)
    return {
      corpus = map(sample, function(s) return { _id = s.id, text = join(s.words, ", ") } end),
      queries = map(sample, function(s) return { _id = s.id, text = s.definition } end),
      qrels = map(sample, function(s) return { ["query-id"] = s.id, ["corpus-id"] = s.id, score = 1 } end),
    }
  end,
  main = "ndcg_at_10", report = { "ndcg_at_10", "ndcg_at_1", "mrr_at_10", "recall_at_10", "recall_at_100" },
  limit = 400, baseline = 0.0023,
})
