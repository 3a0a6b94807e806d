-- Clustering: mini-batch k-means with as many clusters as there are labels, and how much clusters and labels say of each
-- other (v-measure), as mteb has it.
--   item = function(row) return text, label end, or two lists of one length
--   version_of_protocol = 1: a row of lists is a set of its own, and the score is the mean over sets; rows of single texts
--     are one set. Batches of 500; a set with one label scores 1.
--   version_of_protocol = 2: all texts are one list. Of these
--     joined = { "train", "validation", "test" }  are the splits that make up the list
--     min_per_label = 2        leaves out texts whose label (the first) is rarer
--     max_documents = { n = , stratified = , seed = } is applied first (labelled.lua);
--     fraction = 0.04, or false for all, or max_documents = 1004: then so many are sampled by Python's Random(42).
--     A label may be a list, one a level (max_depth: so many of them). At each level `experiments` (10) draws of `sample`
--     (16384) texts with replacement, from the same Random(42), which goes on through levels and subsets, are clustered in
--     batches of `batch` (512); the score is the mean over all.

-- A row's texts, each with its list of labels by level.
local function texts_of(task, io, n, row)
    local text, label = io.call(n, task.item, row)
    local function levels(value)
        if type(value) ~= "table" then return { io.labelled.label(io, n, value) } end
        if #value == 0 then io.fail("item", n, "a text has no label") end
        return io.labelled.labels(io, n, value)
    end
    if type(text) ~= "table" then return { { text = io.labelled.text(io, n, text), levels = levels(label) } } end
    if type(label) ~= "table" or #label ~= #text then
        io.fail("item", n, ("returns %d texts and %s labels"):format(#text, type(label) == "table" and #label or "no"))
    end
    local out = {}
    for i = 1, #text do out[i] = { text = io.labelled.text(io, n, text[i]), levels = levels(label[i]) } end
    return out, true
end

local function splits_of(task, io)
    return task.joined or { io.part.split or false }
end

-- f(n, item, set, row, source) for every text in order: n counts texts, `set` rows of lists. Gives the number of rows up
-- to the end of each split where every row is one text; else nothing.
local function each(task, io, f)
    local n, n_rows, sets, singles, ends, kind = 0, 0, 0, true, {}, nil
    for i, split in ipairs(splits_of(task, io)) do
        for row, source in io.rows_of(split or nil) do
            n_rows = n_rows + 1
            local texts, is_set = texts_of(task, io, n_rows, row)
            for _, item in ipairs(texts) do
                n = n + 1
                kind = io.labelled.kind_of(io, n_rows, item.levels, kind)
                f(n, item, is_set and sets or 0, row, not is_set and source or nil)
            end
            singles = singles and not is_set
            sets = sets + 1
            io.refill()
        end
        ends[i] = n_rows
    end
    return singles and ends or nil
end

-- The same for the texts with a place, `last` being the last of them, in rows that were read before. Where every row is
-- one text, the others are skipped.
local function each_placed(task, io, ends, place, last, f)
    if not ends then
        each(task, io, function(n, ...) if place[n] then f(n, ...) end end)
        return
    end
    local at = 0
    for i, split in ipairs(splits_of(task, io)) do
        local rows, skip = io.rows_of(split or nil)
        local n = io.labelled.next_wanted(place, math.min(last, ends[i]), at)
        while n do
            if n > at + 1 then skip(n - at - 1) end
            local row, source = rows()
            f(n, texts_of(task, io, n, row)[1], 0, row, source)
            at, n = n, io.labelled.next_wanted(place, math.min(last, ends[i]), n)
        end
        at = ends[i]
    end
end

local function send(io, n, item, set, row, source)
    io.emit({ text = item.text, labels = item.levels, set = set }, n, row, source)
end

local function run_sets(task, io)
    each(task, io, function(n, item, set, row, source)
        if #item.levels ~= 1 then io.fail("item", n, "levels of labels need version_of_protocol = 2") end
        if n <= io.limit then send(io, n, item, set, row, source) end
    end)
end

-- Numbers of the texts that are left, in their order, before any are sampled; and the ends of splits as `each` has them.
local function eligible(task, io)
    local labels, count, list = {}, {}, {}
    local ends = each(task, io, function(n, item)
        labels[n] = item.levels[1]
        count[labels[n]] = (count[labels[n]] or 0) + 1
    end)
    for n, label in ipairs(labels) do
        if count[label] >= (task.min_per_label or 1) then list[#list + 1] = n end
    end
    local left = io.labelled.reduction(io, task.max_documents, map(list, function(n) return labels[n] end))
    return left and map(left, function(i) return list[i] end) or list, ends
end

local function sampled(task, io, list)
    local fraction = task.fraction == nil and 0.04 or task.fraction
    local k = math.type(task.max_documents) == "integer" and task.max_documents
    if not k and fraction then k = math.max(1, math.floor(fraction * #list)) end
    if not k then return list end
    k = math.min(k, #list)
    io.send { sampling = { population = #list, sampled = k }, subset = io.part.name }
    return io.stream.random:sample(list, k)
end

-- The draws of the experiments are made elsewhere, from the same stream.
local function pass_draws(task, io, depth)
    local n = math.min(depth, task.max_depth or depth) * (task.experiments or 10) * (task.sample or 16384)
    for _ = 1, n do
        io.stream.random:random()
        io.refill()
    end
end

local function run_list(task, io)
    io.stream.random = io.stream.random or rng(42)
    local left, ends = eligible(task, io)
    local list, place, found, depth, last = sampled(task, io, left), {}, {}, 1, 0
    for i = 1, math.min(#list, io.limit) do place[list[i]], last = i, math.max(last, list[i]) end
    each_placed(task, io, ends, place, last, function(n, item, _, row, source)
        found[place[n]] = { n, item, 0, row, source }
    end)
    for i = 1, #found do
        send(io, table.unpack(found[i], 1, 5))
        depth = math.max(depth, #found[i][2].levels)
        io.refill()
    end
    pass_draws(task, io, depth)
end

return {
    labelled = true,
    fields = {
        item = "function", version_of_protocol = "integer", joined = "strings", splits = "strings",
        min_per_label = "integer", max_documents = "table|integer", fraction = "number|boolean", max_depth = "integer",
        experiments = "integer", sample = "integer", batch = "integer", prompt = "texts",
    },
    required = { "name", "version", "item", "version_of_protocol" },
    metrics = { "v_measure" },
    main = "v_measure",
    check = function(task, problem)
        local version = task.version_of_protocol
        if version ~= 1 and version ~= 2 then problem("version_of_protocol", "is 1 or 2") end
        for _, field in ipairs { "joined", "min_per_label", "max_documents", "fraction", "max_depth", "experiments",
            "sample" } do
            if version == 1 and task[field] ~= nil then problem(field, "belongs to version_of_protocol = 2") end
        end
        if task.fraction == true or type(task.fraction) == "number" and (task.fraction <= 0 or task.fraction > 1) then
            problem("fraction", "is above 0 and at most 1, or false")
        end
        if math.type(task.max_documents) == "integer" and task.fraction then
            problem("fraction", "and a number of max_documents cannot both be")
        end
    end,
    run = function(task, io) return (task.version_of_protocol == 1 and run_sets or run_list)(task, io) end,
}
