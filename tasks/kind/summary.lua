-- Summarisation: does a machine's summary that is nearer to people's get the better marks? item(row) returns
-- { human = {...}, machine = {...}, scores = {...} }, a mark for each machine summary; `range` says what marks go from and
-- to. A machine summary's score is its best similarity to any human one. Texts whose marks, or whose scores, are all the
-- same say nothing and are left out. `version_of_protocol = 1` is mteb's older evaluator, which SummEval keeps: it averages
-- the correlations together with their p-values.

local function list_of(io, n, item, what, kind)
    local list = item[what]
    if type(list) ~= "table" or #list == 0 then io.fail("item", n, ("'%s' must be a list that is not empty"):format(what)) end
    return map(list, function(v)
        v = kind == "number" and tonumber(v) or v
        return type(v) == kind and v or io.fail("item", n, ("'%s' must hold %ss, got a %s"):format(what, kind, type(v)))
    end)
end

local function run(task, io)
    for n, row, source in io.documents() do
        local item = io.call(n, task.item, row)
        if type(item) ~= "table" then io.fail("item", n, "must return a table, got a " .. type(item)) end
        local doc = { human = list_of(io, n, item, "human", "string"), machine = list_of(io, n, item, "machine", "string"),
            scores = list_of(io, n, item, "scores", "number") }
        if #doc.machine ~= #doc.scores then
            io.fail("item", n, ("%d machine summaries, but %d scores"):format(#doc.machine, #doc.scores))
        end
        io.emit(doc, n, row, source)
    end
end

return {
    fields = { item = "function", range = "range", version_of_protocol = "integer", prompt = "texts" },
    required = { "name", "version", "item" },
    metrics = { "cosine_spearman", "cosine_pearson", "dot_spearman", "dot_pearson", "spearman", "pearson" },
    main = "cosine_spearman",
    check = function(task, problem)
        if not task.data and not task.documents then problem("data", "is missing") end
        local protocol = task.version_of_protocol or 2
        if protocol ~= 1 and protocol ~= 2 then problem("version_of_protocol", "is 1 or 2") end
    end,
    run = run,
}
