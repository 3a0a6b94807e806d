-- The log-likelihood of one target after a context, and whether greedy decoding would give it. The target is scored as
-- the document gives it, leading space included; the delimiter stands only between the parts of a shot.

local turns = host.kind("turns")

local function read(task, io, n, row)
    local doc = io.call(n, task.doc, row)
    if type(doc) ~= "table" then io.fail("doc", n, "must return a table, got a " .. type(doc)) end
    for _, field in ipairs { "context", "target" } do
        if type(doc[field]) ~= "string" then
            io.fail("doc", n, ("'%s' must be a string, got a %s"):format(field, type(doc[field])))
        end
    end
    return doc
end

local function run(task, io)
    local shots = io.with_shots(task, io, function(row, n)
        local doc = read(task, io, n, row)
        return turns.shot(task, doc.context, doc.target)
    end, function(row, n) return read(task, io, n, row).target end, turns.gather)
    for n, row, source in io.documents() do
        local doc = read(task, io, n, row)
        io.emit({ turns = turns.begin(task.description or "", shots(row)), questions = { doc.context },
            choices = { { text = doc.target, continuation = doc.target, context = 0 } } }, n, row, source)
    end
end

return {
    fields = {
        doc = "function", delimiter = "string", shot_delimiter = "string", description = "string", shots = "integer",
        shots_fixed = "boolean", sampler = "string|list", extra_shot = "boolean",
    },
    required = { "name", "version", "doc", "data" },
    metrics = { "acc", "perplexity" },
    main = "acc",
    run = run,
}
