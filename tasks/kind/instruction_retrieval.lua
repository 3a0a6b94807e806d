-- Retrieval by instructions: every query is asked twice, with an instruction and with one that makes some passages
-- irrelevant; what is measured is whether these fall. Queries' ids end in -og and -changed. Beside the parts of retrieval
-- there are `top_ranked`, `instructions` and `changed` (see corpus.lua): the passages, a query without its ending, that
-- are relevant no more. p_mrr is mteb's p-MRR, between -1 and 1; og_* and changed_* are of one of the two runs.
local corpus = host.kind("corpus")

return {
    fields = {
        corpus = "data", queries = "data", qrels = "data", top_ranked = "data", instructions = "data", changed = "data",
        prompt = "texts",
    },
    required = { "name", "version" },
    metrics = corpus.metrics(corpus.metrics(corpus.metrics { "p_mrr" }, "og_"), "changed_"),
    main = "p_mrr",
    check = corpus.check,
    run = function(task, io) corpus.run(task, io, { candidates = true, instructions = true, changed = true }) end,
}
