-- What the kinds have in common whose documents are a text and its label: reading them, and leaving a test set of
-- bearable size. `max_documents = { n = , stratified = , seed = }` leaves what mteb leaves (datasets' train_test_split:
-- by the labels' proportions where stratified, for lists of labels by iterative stratification); seed is 42.

local labelled = {}

function labelled.is_label(value)
    return math.type(value) == "integer" or type(value) == "string" or type(value) == "boolean"
end

-- A boolean is 0 or 1.
function labelled.label(io, n, value)
    if type(value) == "boolean" then return value and 1 or 0 end
    if labelled.is_label(value) then return value end
    io.fail("item", n, ("a label must be an integer, a string or a boolean, got a %s"):format(type(value)))
end

function labelled.labels(io, n, value)
    if type(value) ~= "table" then
        io.fail("item", n, ("must return a text and a list of labels, got a %s"):format(type(value)))
    end
    return map(value, function(one) return labelled.label(io, n, one) end)
end

function labelled.text(io, n, value)
    if type(value) == "string" then return value end
    io.fail("item", n, ("must return a text and its label, got a %s"):format(type(value)))
end

-- The number of the first wanted row behind row n; nil where there is none.
function labelled.next_wanted(wanted, last, n)
    for next = n + 1, last do
        if wanted[next] then return next end
    end
end

-- All labels are numbers, or all are words: these have no order among each other.
function labelled.kind_of(io, n, label, kind)
    if type(label) == "table" then
        for i = 1, #label do kind = labelled.kind_of(io, n, label[i], kind) end
        return kind
    end
    if kind and type(label) ~= kind then
        io.fail("item", n, ("a label is a %s, and those before are %ss"):format(type(label), kind))
    end
    return type(label)
end

-- f(n, text, label, row, source) for every row of a split, the label as `read` takes it; stops where f says false.
local function each(task, io, split, read, f)
    local n, kind = 0, nil
    for row, source in io.rows_of(split) do
        n = n + 1
        local text, label = io.call(n, task.item, row)
        text, label = labelled.text(io, n, text), read(io, n, label)
        kind = labelled.kind_of(io, n, label, kind)
        if f(n, text, label, row, source) == false then return end
    end
    if n == 0 then error(("the %s split has no rows"):format(split or "test"), 0) end
end

-- The same for rows of a split that was read before, those that are `wanted` (a set of numbers, of which `last` is the
-- highest): which they are is known when the last row is, so that of millions nothing but labels stays in memory, and
-- the others are not read again but skipped.
local function each_wanted(task, io, split, read, f, wanted, last)
    local rows, skip = io.rows_of(split)
    local at, n = 0, labelled.next_wanted(wanted, last, 0)
    while n do
        if n > at + 1 then skip(n - at - 1) end
        local row, source = rows()
        local text, label = io.call(n, task.item, row)
        f(n, labelled.text(io, n, text), read(io, n, label), row, source)
        at, n = n, labelled.next_wanted(wanted, last, n)
    end
end

function labelled.labels_of(task, io, split, read)
    local list = {}
    each(task, io, split, read, function(n, _, label) list[n] = label end)
    return list
end

-- What a protocol's `max_documents` leaves of rows with these labels: numbers of rows in the order drawn; nil: all.
function labelled.reduction(io, limit, labels)
    if type(limit) ~= "table" or limit.n >= #labels then return nil end
    return (limit.stratified and io.draw.stratified or io.draw.split)(labels, limit.n, limit.seed or 42)
end

local function as_list(label) return type(label) == "table" and label or { label } end

-- Sends the examples that an experiment draws, each once, and which of them each experiment learns from, in its order.
-- `draws` are lists of numbers of rows.
function labelled.send_examples(task, io, read, draws)
    local place, last, sent = {}, 0, 0
    for _, rows in ipairs(draws) do
        for _, n in ipairs(rows) do
            place[n], last = true, math.max(last, n)
        end
    end
    each_wanted(task, io, task.train or "train", read, function(n, text, label)
        io.send { example = { text = text, labels = as_list(label) } }
        place[n], sent = sent, sent + 1
    end, place, last)
    for _, rows in ipairs(draws) do
        io.send { experiment = map(rows, function(n) return place[n] end), subset = io.part.name }
    end
end

local function emit(io, item)
    io.emit({ text = item.text, labels = as_list(item.label) }, item.n, item.row, item.source)
    io.refill()
end

-- The documents at these numbers, in this order.
local function send_chosen(task, io, read, order)
    local place, found, last = {}, {}, 0
    for i = 1, math.min(#order, io.limit) do place[order[i]], last = i, math.max(last, order[i]) end
    each_wanted(task, io, io.part.split, read, function(n, text, label, row, source)
        found[place[n]] = { n = n, text = text, label = label, row = row, source = source }
    end, place, last)
    for i = 1, #found do emit(io, found[i]) end
end

-- Sends the documents that are scored: what the task's max_documents leaves, or else the kind's own `limit`.
function labelled.send_documents(task, io, read, limit)
    local split, sent = io.part.split, 0
    limit = task.max_documents or limit
    local order = limit and labelled.reduction(io, limit, labelled.labels_of(task, io, split, read))
    if order then return send_chosen(task, io, read, order) end
    each(task, io, split, read, function(n, text, label, row, source)
        emit(io, { n = n, text = text, label = label, row = row, source = source })
        sent = sent + 1
        return sent < io.limit
    end)
end

function labelled.check(task, problem)
    if not task.data and not task.documents then problem("data", "is missing") end
    for _, field in ipairs { "samples_per_label", "experiments", "neighbours", "sample", "min_per_label", "max_depth" } do
        if task[field] and task[field] < 1 then problem(field, "is at least 1") end
    end
    local limit = task.max_documents
    if type(limit) == "table" then
        for key in pairs(limit) do
            if key ~= "n" and key ~= "stratified" and key ~= "seed" then
                problem("max_documents", ("has no '%s': it has n, stratified, seed"):format(tostring(key)))
            end
        end
        if math.type(limit.n) ~= "integer" or limit.n < 1 then
            problem("max_documents", "must have a number n of documents, at least 1")
        end
    elseif limit and limit < 1 then
        problem("max_documents", "is at least 1")
    end
end

return labelled
