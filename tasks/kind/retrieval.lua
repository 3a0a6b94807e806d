-- Retrieval: a corpus, queries, and which passages are relevant to which query. The layout is BEIR's unless the task
-- gives `documents`, which then returns { corpus = , queries = , qrels = } as lists of rows of that layout.

local metrics = {}
for _, name in ipairs { "ndcg", "map", "recall", "precision", "mrr" } do
    for _, k in ipairs { 1, 3, 5, 10, 20, 100, 1000 } do metrics[#metrics + 1] = name .. "_at_" .. k end
end

local function iterate(list)
    local i = 0
    return function()
        i = i + 1
        return list[i]
    end
end

-- The parts of a data set: a config of that name, a split of that name, or a folder with the test split in it.
local function beir(task, io, part, split)
    local data = task.data
    if data.file then io.fail("data", 0, "a retrieval task reads a hub data set or has `documents`") end
    local name = data[part] or part
    return io.rows {
        { config = io.subset and io.subset .. "-" .. name or name, split = split }, { config = name, split = split },
        { config = data.config, split = name }, { split = name },
    }
end

local function qrels(task, io)
    local split = task.data.test
    return io.rows {
        { config = task.data.qrels or "qrels", split = split }, { config = io.subset or "default", split = split },
        { config = task.data.config, split = split }, { split = "qrels/" .. split },
    }
end

local function open(task, io)
    if task.documents then
        local docs = io.derived()
        for _, part in ipairs { "corpus", "queries", "qrels" } do
            if type(docs[part]) ~= "table" then io.fail("documents", 0, ("must give a list '%s'"):format(part)) end
        end
        return iterate(docs.corpus), iterate(docs.queries), iterate(docs.qrels)
    end
    return beir(task, io, "corpus", "corpus"), beir(task, io, "queries", "queries"), qrels(task, io)
end

local function string_of(value)
    if type(value) == "number" then return tostring(math.tointeger(value) or value) end
    return type(value) == "string" and value or nil
end

local function text_of(row)
    local title, text = row.title or "", row.text or ""
    return trim(title .. " " .. text)
end

local function id_of(io, what, n, row)
    return string_of(row._id) or string_of(row.id) or io.fail(what, n, "has no '_id'")
end

-- Queries that nothing is said about are left out, as mteb does; a limit is on the queries that stay.
local function read_qrels(io, rows)
    local judged, list, n = {}, {}, 0
    for row in rows do
        n = n + 1
        local query, passage = string_of(row["query-id"]), string_of(row["corpus-id"])
        local gain = tonumber(row.score)
        if not query or not passage or not gain then io.fail("qrels", n, "needs query-id, corpus-id and score") end
        judged[query] = true
        list[#list + 1] = { query = query, passage = passage, gain = gain }
    end
    return judged, list
end

local function run(task, io)
    local corpus, queries, rows = open(task, io)
    local judged, list = read_qrels(io, rows)
    local n, sent, kept = 0, {}, 0
    for row in corpus do
        n = n + 1
        io.send { passage = { id = id_of(io, "corpus", n, row), text = text_of(row) } }
    end
    n = 0
    for row in queries do
        n = n + 1
        local id = id_of(io, "queries", n, row)
        if judged[id] and kept < io.limit and not sent[id] then
            kept = kept + 1
            sent[id] = true
            io.send { query = { id = id, text = text_of(row) } }
        end
    end
    for _, item in ipairs(list) do
        if sent[item.query] then io.send { qrel = item } end
    end
end

return {
    fields = {
        corpus = "data", queries = "data", qrels = "data", drop_identical_ids = "boolean", prompt = "texts",
    },
    required = { "name", "version" },
    metrics = metrics,
    main = "ndcg_at_10",
    check = function(task, problem)
        if not task.data and not task.documents then problem("data", "is missing") end
        for _, field in ipairs { "corpus", "queries", "qrels" } do
            if task[field] then problem(field, "is not supported on its own yet: give `data` or `documents`") end
        end
    end,
    run = run,
}
