-- Retrieval: a corpus, queries, and which passages are relevant to which query; every query against the whole corpus.
-- Where the parts are found is said in corpus.lua. `drop_identical_ids` leaves a passage out of the ranking of the query
-- that has the same id (of mteb's: ArguAna, FEVER, FiQA2018, MSMARCO and Quora, no others).
local corpus = host.kind("corpus")

return {
    fields = {
        corpus = "data", queries = "data", qrels = "data", prompt = "texts", drop_identical_ids = "boolean",
    },
    required = { "name", "version" },
    metrics = corpus.metrics {},
    main = "ndcg_at_10",
    check = corpus.check,
    run = function(task, io) corpus.run(task, io, {}) end,
}
