-- Reranking: each query with candidates of its own, of which some are right.
--
-- With `item`, a row is a question: item(row) returns { query = text or list of texts, positive = {...}, negative = {...} }.
-- A candidate's score is its best over a list of queries. Rows that lack positives or negatives are left out, as mteb does.
-- Without it the parts are those of retrieval and `top_ranked` (see corpus.lua).
-- `map` and `mrr` are mteb 1's: scikit-learn's average precision of the candidates, and the reciprocal rank in the first
-- ten. max_over_subqueries_* are of queries whose ids differ after the last "_" only, merged by a passage's best score.
local corpus = host.kind("corpus")

local function texts_of(io, n, what, list)
    if type(list) ~= "table" then io.fail("item", n, ("'%s' must be a list, got a %s"):format(what, type(list))) end
    for i = 1, #list do
        if type(list[i]) ~= "string" then
            io.fail("item", n, ("'%s' must be a list of strings, got a %s"):format(what, type(list[i])))
        end
    end
    return list
end

-- Ids as mteb makes them, which matters where scores are equal: the positives then come last.
local function send_candidates(io, query, begins, texts, gain, doc, qrels)
    for i = 1, #texts do
        local id = format("%s_%s_%05d", begins, query, i - 1)
        io.send { passage = { id = id, text = trim(texts[i]), subset = io.subset } }
        doc.candidates[#doc.candidates + 1] = id
        qrels[#qrels + 1] = { query = query, passage = id, gain = gain }
    end
end

local function send_item(task, io, n, count, row, source)
    local item = io.call(n, task.item, row)
    if type(item) ~= "table" then io.fail("item", n, "must return a table, got a " .. type(item)) end
    local queries = texts_of(io, n, "query", type(item.query) == "string" and { item.query } or item.query)
    local positive, negative = texts_of(io, n, "positive", item.positive), texts_of(io, n, "negative", item.negative)
    if #queries == 0 then io.fail("item", n, "has no query") end
    if #positive == 0 or #negative == 0 then return false end
    local id, qrels = format("query%d", count), {}
    local doc = { id = id, text = queries[1], queries = queries[2] and queries, candidates = {} }
    send_candidates(io, id, "apositive", positive, 1, doc, qrels)
    send_candidates(io, id, "negative", negative, 0, doc, qrels)
    io.emit(doc, n, row, source)
    for _, qrel in ipairs(qrels) do io.send { qrel = qrel, subset = io.subset } end
    return true
end

local function run(task, io)
    if not task.item then return corpus.run(task, io, { candidates = true }) end
    local count = 0
    for n, row, source in io.documents() do
        if send_item(task, io, n, count, row, source) then count = count + 1 end
    end
end

return {
    fields = {
        item = "function", corpus = "data", queries = "data", qrels = "data", top_ranked = "data", prompt = "texts",
    },
    required = { "name", "version" },
    metrics = corpus.metrics(corpus.metrics { "map", "mrr" }, "max_over_subqueries_"),
    main = "map",
    check = corpus.check,
    run = run,
}
