-- Find the line that three words were taken from.
return retrieval {
  name = "E2ELookup", version = 1, data = file "data/passages.jsonl" {},
  documents = function(rows)
    local corpus, queries, qrels = {}, {}, {}
    for row in rows do
      corpus[#corpus + 1] = { _id = row.id, text = row.text }
      queries[#queries + 1] = { _id = row.id, text = row.query }
      qrels[#qrels + 1] = { ["query-id"] = row.id, ["corpus-id"] = row.id, score = 1 }
    end
    return { corpus = corpus, queries = queries, qrels = qrels }
  end,
  main = "ndcg_at_10", report = { "ndcg_at_10", "mrr_at_10" }, baseline = 0.05, licence = "CC0-1.0",
}
