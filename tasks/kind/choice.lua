-- Multiple choice by log-likelihood: which of the choices is likeliest after the context.
-- Context = description, shots, query; what is scored = delimiter and choice.
--
-- Two fields say how a question could as well be asked, for the spread of scores. `wordings` is a list of functions like
-- `doc`, each with other words. `reorder` is for tasks whose prompt lists the options: function(row, order) gives the
-- columns that change when the options stand in that order (helpers `permuted` and `moved`).

local turns = host.kind("turns")

local function text(value)
    if type(value) == "number" then return tostring(value) end
    return type(value) == "string" and value or nil
end

local function texts(io, field, n, list, least)
    if type(list) ~= "table" or #list < least then
        io.fail("doc", n, ("'%s' must be a list of at least %d strings, got %s"):format(field, least,
            type(list) == "table" and #list or "a " .. type(list)))
    end
    local out = {}
    for i = 1, #list do
        out[i] = text(list[i]) or io.fail("doc", n, ("'%s' holds a %s"):format(field, type(list[i])))
    end
    return out
end

-- An index from 0: a number, or its decimal digits.
local function index(io, n, value, limit)
    local number = math.tointeger(tonumber(value))
    if not number or type(value) == "string" and not value:find("^%s*%d+%s*$") then
        io.fail("doc", n, ("'gold' must be the number of a choice counted from 0, got %s"):format(
            value == nil and "nothing" or "'" .. tostring(value) .. "'"))
    end
    if number < 0 or number >= limit then
        io.fail("doc", n, ("'gold' is %d, but there are %d choices, counted from 0"):format(number, limit))
    end
    return number
end

local needs_gold = { brier = true, mcc = true, f1 = true }

-- false: none of the choices is right, which counts against a model whatever it takes.
local function none(task, io, n)
    for _, metric in ipairs(task.report or { task.main }) do
        if needs_gold[metric] then
            io.fail("doc", n, ("'gold' is false, but metric '%s' needs a right answer"):format(metric))
        end
    end
    return {}
end

local function one_only(task, io, n)
    for _, metric in ipairs(task.report or { task.main }) do
        if needs_gold[metric] then
            io.fail("doc", n, ("'gold' is a list of several, but metric '%s' goes by one right answer"):format(metric))
        end
    end
end

local function golds(task, io, n, value, limit)
    if value == false then return none(task, io, n) end
    if type(value) ~= "table" then return { index(io, n, value, limit) } end
    local out = {}
    for i = 1, #value do out[i] = index(io, n, value[i], limit) end
    if #out == 0 then io.fail("doc", n, "'gold' is an empty list") end
    if #out > 1 then one_only(task, io, n) end
    return out
end

-- The function that makes documents: the task's own or another wording.
local function wording(task, io)
    if io.wording == 0 then return task.doc end
    return task.wordings and task.wordings[io.wording] or error(format(
        "task '%s' has %d other wordings: there is no wording%d", task.name, #(task.wordings or {}), io.wording), 0)
end

-- The rows of the questions with their options in another order, one stream of draws over all of them; examples stay.
local function reordered(task, io, read)
    if io.order == 0 then return function(_, row) return row end end
    if not task.reorder then
        error(format("task '%s' has no `reorder`: its options can't stand in another order", task.name), 0)
    end
    local random = rng(io.order)
    return function(n, row)
        local places, out = {}, {}
        for i = 1, #read(n, row).choices do places[i] = i end
        for key, value in pairs(row) do out[key] = value end
        local changed = io.call(n, task.reorder, row, random:sample(places, #places))
        if type(changed) ~= "table" then io.fail("reorder", n, "must return a table, got a " .. type(changed)) end
        for key, value in pairs(changed) do out[key] = value end
        return setmetatable(out, { __index = row })
    end
end

-- `ready`: an example of the task's own list of shots, which may be written as a document.
local function read(task, io, n, row, ready)
    local doc = ready and row.choices and (row.query or row.queries) and row or io.call(n, io.doc, row)
    if type(doc) ~= "table" then io.fail("doc", n, "must return a table, got a " .. type(doc)) end
    local out = { choices = texts(io, "choices", n, doc.choices, 2) }
    if doc.queries ~= nil then
        out.queries = texts(io, "queries", n, doc.queries, 2)
        if #out.queries ~= #out.choices then io.fail("doc", n, "'queries' and 'choices' differ in number") end
    else
        out.query = text(doc.query) or io.fail("doc", n, "'query' must be a string, got a " .. type(doc.query))
    end
    out.gold = golds(task, io, n, doc.gold, #out.choices)
    return out
end

local function described(task, io, n, row)
    local d = task.description or ""
    return type(d) == "string" and d or text(io.call(n, d, row)) or io.fail("description", n, "must give a string")
end

-- One example with its answer. Where contexts differ and nothing follows them, nothing is what the harness adds.
local function shot(task, io, n, row)
    local doc = read(task, io, n, row, type(task.sampler) == "table")
    local right = doc.gold[1] and doc.gold[1] + 1 or io.fail("doc", n, "an example needs a right answer")
    if doc.queries and doc.choices[right] == "" then return turns.unanswered(doc.queries[right]) end
    return turns.shot(task, doc.query or doc.queries[right], doc.choices[right])
end

local function run(task, io)
    local delimiter = task.delimiter or " "
    io.doc = wording(task, io)
    local in_order = reordered(task, io, function(n, row) return read(task, io, n, row) end)
    local shots = io.with_shots(task, io, function(row, n) return shot(task, io, n, row) end, function(row, n)
        local doc = read(task, io, n, row)
        return doc.choices[(doc.gold[1] or io.fail("doc", n, "an example needs a right answer")) + 1]
    end, turns.gather)
    for n, row, source in io.documents() do
        local doc = read(task, io, n, in_order(n, row))
        local before = turns.begin(described(task, io, n, row), shots(row))
        local choices = {}
        for i, choice in ipairs(doc.choices) do
            choices[i] = { text = choice, continuation = delimiter .. choice, context = doc.queries and i - 1 or 0 }
        end
        io.emit({ turns = before, questions = doc.queries or { doc.query }, choices = choices,
            gold = #doc.gold > 0 and doc.gold }, n, row, source)
    end
end

return {
    fields = {
        doc = "function", delimiter = "string", shot_delimiter = "string", description = "string|function",
        shots = "integer", shots_fixed = "boolean", sampler = "string|list", extra_shot = "boolean",
        reorder = "function", wordings = "functions",
    },
    required = { "name", "version", "doc" },
    metrics = { "acc", "acc_norm", "acc_bytes", "acc_mutual_info", "mc2", "brier", "mcc", "f1", "exact_match" },
    main = "acc",
    check = function(task, problem)
        if not task.data and not task.documents then problem("data", "is missing") end
        if task.shots and task.shots < 0 then problem("shots", "is not negative") end
        if type(task.sampler) == "string" and task.sampler ~= "default" and task.sampler ~= "first_n" then
            problem("sampler", "must be \"default\", \"first_n\" or a list of examples")
        end
    end,
    run = run,
}
