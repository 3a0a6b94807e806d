-- What retrieval, reranking and retrieval by instructions have in common: where the parts of such a data set are found,
-- what of them is sent, and which texts are asked. The rules are mteb's.
--
-- Parts are corpus (_id or id, title, text), queries (_id or id, text), qrels (query-id, corpus-id, score), and, for those
-- kinds that have them, top_ranked (query-id, corpus-ids), instructions (query-id, instruction) and changed (query-id,
-- corpus-ids). A part is taken from
--   documents(rows)  the list of that name in what the task's function returns,
--   the field        of that name: its own `hub "..." {...}` (at its config and test split) or `file "..." {...}`,
--   data             a config of its name, "<subset>-<name>" where the task has subsets; `hub` options of the same names
--                    (corpus, queries, qrels, top_ranked, instruction, qrel_diff) say others.

local corpus = {}

corpus.fields = { corpus = "data", queries = "data", qrels = "data", prompt = "texts" }
corpus.candidate_fields = { top_ranked = "data" }

-- A part's name in `hub` options, and the configs that it may be.
local options = { instructions = "instruction", changed = "qrel_diff" }

local function iterate(list)
    local i = 0
    return function()
        i = i + 1
        return list[i]
    end
end

local function add_splits(list, config, splits)
    for _, split in ipairs(splits) do list[#list + 1] = { config = config, split = split } end
end

-- A config that has one split is taken whatever that is called; BEIR's own files are splits of no config. Judgements
-- are of the split that is evaluated, and of no other.
local function places(task, io, part)
    local data, name = task.data, options[part] or part
    local config, test, list = data[name] or name, data.test, {}
    local splits = part == "qrels" and { test } or { test, name, "train" }
    if io.subset then
        add_splits(list, io.subset .. "-" .. config, splits)
        add_splits(list, config .. "-" .. io.subset, splits)
    end
    if part == "queries" and not data.queries then add_splits(list, "query", splits) end
    add_splits(list, config, splits)
    if part == "qrels" then
        add_splits(list, io.subset or "default", splits)
        add_splits(list, data.config, { test, "qrels/" .. test })
    else
        add_splits(list, data.config, { config })
    end
    return list
end

local function open_own(source, io)
    if source.file then return io.rows({ {} }, source.source) end
    return io.rows({ { config = io.subset or source.config, split = source.test } }, source.source)
end

local function open_part(task, io, part, made)
    if made then
        if type(made[part]) ~= "table" then io.fail("documents", 0, ("must give a list '%s'"):format(part)) end
        return iterate(made[part])
    end
    if task[part] then return open_own(task[part], io) end
    if not task.data then io.fail(part, 0, "there is no `data` to take it from") end
    if task.data.file then io.fail("data", 0, ("a file does not hold '%s': give it a source of its own"):format(part)) end
    return io.rows(places(task, io, part))
end

local function string_of(value)
    if type(value) == "number" then return tostring(math.tointeger(value) or value) end
    return type(value) == "string" and value or nil
end

local function id_of(io, part, n, row)
    return string_of(row._id) or string_of(row.id) or io.fail(part, n, "has no '_id'")
end

-- A title goes before its text; the blanks at both ends go.
local function text_of_passage(row)
    local title, text = row.title, row.text or ""
    if type(title) == "string" and title ~= "" then text = title .. " " .. text end
    return trim(text)
end

-- Queries are asked as they stand. Turns of a conversation become one text, after the instruction; to any other text the
-- instruction is appended.
local function text_of_query(io, n, row, instruction)
    local text = row.text
    instruction = instruction or type(row.instruction) == "string" and row.instruction or nil
    if type(text) == "table" then
        text = join(map(text, function(turn)
            return type(turn) == "table" and format("%s: %s", turn.role, turn.content) or turn
        end), "; ")
        return instruction and instruction .. " " .. text or text
    end
    if type(text) ~= "string" then io.fail("queries", n, "has no 'text'") end
    return instruction and text .. " " .. instruction or text
end

-- Query -> true where anything is said about it, and the judgements in order; of two on the same passage the last holds.
local function read_qrels(io, rows)
    local judged, known, list, n = {}, {}, {}, 0
    for row in rows do
        n = n + 1
        local query, passage = string_of(row["query-id"]), string_of(row["corpus-id"])
        local gain = tonumber(row.score)
        if not query or not passage or not gain then io.fail("qrels", n, "needs query-id, corpus-id and score") end
        judged[query] = true
        known[query] = known[query] or {}
        if known[query][passage] then
            known[query][passage].gain = gain
        else
            known[query][passage] = { query = query, passage = passage, gain = gain }
            list[#list + 1] = known[query][passage]
        end
    end
    return judged, list
end

-- Queries that nothing is said about are left out; a limit is on those that stay.
local function read_queries(io, rows, judged, instructions)
    local list, known, n = {}, {}, 0
    for row in rows do
        n = n + 1
        local id = id_of(io, "queries", n, row)
        if judged[id] and #list < io.limit and not known[id] then
            known[id] = true
            list[#list + 1] = { id = id, row = row, n = n, text = text_of_query(io, n, row, instructions and instructions[id]) }
        end
    end
    return list, known
end

-- query-id -> what `field` holds.
local function read_by_query(io, rows, part, field, kind)
    local out, n = {}, 0
    for row in rows do
        n = n + 1
        local query = string_of(row["query-id"])
        if not query or type(row[field]) ~= kind then io.fail(part, n, ("needs query-id and %s"):format(field)) end
        out[query] = row[field]
    end
    return out
end

local function strings_of(io, part, list)
    return map(list, function(id) return string_of(id) or io.fail(part, 0, "an id that is no text") end)
end

-- Passages, all or those that are wanted. A corpus may hold millions: a row at a time.
local function send_passages(io, rows, wanted)
    local n = 0
    for row in rows do
        n = n + 1
        local id = id_of(io, "corpus", n, row)
        if not wanted or wanted[id] then
            if wanted then wanted[id] = "sent" end
            io.send { passage = { id = id, text = text_of_passage(row), subset = io.subset } }
        end
    end
end

-- For each query the candidates that some first stage has found, and which passages that makes.
-- A query without candidates finds nothing; where none has any, the ids of the two are of different kinds.
local function add_candidates(io, list, ranked)
    local wanted = {}
    for _, query in ipairs(list) do
        query.candidates = strings_of(io, "top_ranked", ranked[query.id] or {})
        for _, id in ipairs(query.candidates) do wanted[id] = true end
    end
    if not next(wanted) and list[1] then
        io.fail("top_ranked", 0, ("has no candidates for any query: none for '%s', to begin with"):format(list[1].id))
    end
    return wanted
end

local function check_candidates(io, wanted)
    for id, state in pairs(wanted) do
        if state ~= "sent" then io.fail("top_ranked", 0, ("names passage '%s', which the corpus lacks"):format(id)) end
    end
end

-- What has changed is said of a query without its ending.
local function add_changed(io, list, changed)
    for _, query in ipairs(list) do
        local base = query.id:gsub("%-og$", ""):gsub("%-changed$", "")
        query.changed = strings_of(io, "changed", changed[base] or {})
    end
end

-- want: { candidates =, instructions =, changed = }, what the kind has beside corpus, queries and qrels.
function corpus.run(task, io, want)
    local made = task.documents and io.derived()
    local function open(part) return open_part(task, io, part, made) end
    local judged, qrels = read_qrels(io, open "qrels")
    local instructions = want.instructions and read_by_query(io, open "instructions", "instructions", "instruction", "string")
    local list, known = read_queries(io, open "queries", judged, instructions)
    local wanted = want.candidates
        and add_candidates(io, list, read_by_query(io, open "top_ranked", "top_ranked", "corpus-ids", "table"))
    if want.changed then add_changed(io, list, read_by_query(io, open "changed", "changed", "corpus-ids", "table")) end
    send_passages(io, open "corpus", wanted)
    if wanted then check_candidates(io, wanted) end
    for _, query in ipairs(list) do
        io.emit({ id = query.id, text = query.text, candidates = query.candidates, changed = query.changed }, query.n,
            query.row)
    end
    for _, item in ipairs(qrels) do
        if known[item.query] then io.send { qrel = item, subset = io.subset } end
    end
end

function corpus.check(task, problem)
    local parts = task.corpus and task.queries and task.qrels
    if not task.data and not task.documents and not parts then
        problem("data", "is missing: give it, or `documents`, or corpus, queries and qrels")
    end
end

-- Metrics of a ranking, with a prefix.
function corpus.metrics(list, prefix)
    local cuts, spreads = { 1, 3, 5, 10, 20, 100, 1000 }, { "max", "std", "diff1" }
    local function add(name) list[#list + 1] = (prefix or "") .. name end
    for _, name in ipairs { "ndcg", "map", "recall", "precision", "mrr", "hit_rate", "recall_cap" } do
        for _, k in ipairs(cuts) do add(name .. "_at_" .. k) end
    end
    add "accuracy"
    for _, name in ipairs { "ndcg", "map", "recall", "precision", "mrr" } do
        for _, k in ipairs(cuts) do
            for _, spread in ipairs(spreads) do add(format("nauc_%s_at_%d_%s", name, k, spread)) end
        end
    end
    return list
end

return corpus
