-- Few-shot examples, as lm-evaluation-harness draws them (peers' semantics: the pool is one split; the default sampler
-- draws anew for each document from one stream of Random(seed); one more is drawn where the document itself may be among
-- them, and it is then left out).

local function same(a, b)
    if type(a) ~= "table" or type(b) ~= "table" then return a == b end
    for k, v in pairs(a) do
        if not same(v, b[k]) then return false end
    end
    for k in pairs(b) do
        if a[k] == nil then return false end
    end
    return true
end

-- The harness compares the names of the split for shots and of the test split as they stand in its configuration. A task
-- that is evaluated on "validation" has no test split there and names none for shots: nothing equals nothing.
local function draws_one_more(task)
    if task.extra_shot ~= nil then return task.extra_shot end
    local data = task.data
    if not data or data.file then return not data or not data.shots end
    return data.shots == nil or data.shots == data.test or data.test == "validation"
end

local function first(list, n)
    return table.move(list, 1, math.min(n, #list), 1, {})
end

local function without(list, row)
    return filter(list, function(example) return not same(example, row) end)
end

local function places(n)
    local out = {}
    for i = 1, n do out[i] = i end
    return out
end

-- Labels of equal number of rows together, the largest numbers first.
local function by_number(rows, labels)
    local groups, numbers = {}, {}
    for _, label in ipairs(labels) do
        local number = #rows[label]
        if not groups[number] then groups[number], numbers[#numbers + 1] = {}, number end
        table.insert(groups[number], label)
    end
    table.sort(numbers, function(a, b) return a > b end)
    return map(numbers, function(number) return groups[number] end)
end

-- lighteval's draw: one of each label in turn, the most frequent labels first, those of equal number in a drawn order.
-- The same examples for every document; one is spare, in case the document itself is among them.
local function balanced(pool, n, random, label_of)
    local rows, labels, out = {}, {}, {}
    for i, row in ipairs(pool) do
        local label = label_of(row, i)
        if not rows[label] then rows[label], labels[#labels + 1] = {}, label end
        table.insert(rows[label], row)
    end
    table.sort(labels)
    local ordered = {}
    for _, group in ipairs(by_number(rows, labels)) do
        random:shuffle(group)
        for _, label in ipairs(group) do ordered[#ordered + 1] = label end
    end
    local left, at = math.min(#pool, n + 1), 0
    while left > 0 do
        local list = rows[ordered[at % #ordered + 1]]
        at = at + 1
        if #list > 0 then
            out[#out + 1] = table.remove(list, random:sample(places(#list), 1)[1])
            left = left - 1
        end
    end
    return out
end

-- A function from the row that is evaluated to its n examples. Where `extra`, the row itself is none of them: one more is
-- drawn to make up for it, and where the pool holds it several times all are drawn anew from the others.
local function sampler(task, io, pool, n, extra, label_of)
    if task.sampler == "first_n" or type(task.sampler) == "table" then
        return function(row) return first(extra and without(pool, row) or pool, n) end
    end
    local random = rng(io.seed)
    if io.rules == "lighteval" then
        local drawn = balanced(pool, n, random, label_of)
        return function(row) return first(without(drawn, row), n) end
    end
    if not extra then
        return function() return random:sample(pool, n) end
    end
    return function(row)
        local drawn = without(random:sample(pool, n + 1), row)
        return #drawn < n and random:sample(without(pool, row), n) or first(drawn, n)
    end
end

-- text_of(row, n) is the text of one example, delimiters included; label_of(row, n) its answer. Returns a function from
-- the row that is evaluated to the text of its shots, or to what `gather` makes of their list.
return function(task, io, text_of, label_of, gather)
    gather = gather or join
    if io.shots == 0 then
        return function() return gather {} end
    end
    local fixed = type(task.sampler) == "table"
    local pool = fixed and task.sampler or io.pool()
    local extra = not fixed and draws_one_more(task)
    if io.shots + (extra and 1 or 0) > #pool then
        error(("%d shots asked for, but only %d examples to draw from%s"):format(io.shots, #pool,
            extra and ", and a question is never its own example" or ""), 0)
    end
    local draw = sampler(task, io, pool, io.shots, extra, label_of)
    local number, texts = {}, {}
    for i, row in ipairs(pool) do number[row] = i end
    return function(row)
        return gather(map(draw(row), function(example)
            local i = number[example]
            texts[i] = texts[i] or text_of(example, i)
            return texts[i]
        end))
    end
end
