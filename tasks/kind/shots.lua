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

-- A function from the row that is evaluated to its n examples. Where `extra`, the row itself is none of them: one more is
-- drawn to make up for it, and where the pool holds it several times all are drawn anew from the others.
local function sampler(task, io, pool, n, extra)
    if task.sampler == "first_n" or type(task.sampler) == "table" then
        return function(row) return first(extra and without(pool, row) or pool, n) end
    end
    local random = rng(io.seed)
    if not extra then
        return function() return random:sample(pool, n) end
    end
    return function(row)
        local drawn = without(random:sample(pool, n + 1), row)
        return #drawn < n and random:sample(without(pool, row), n) or first(drawn, n)
    end
end

-- text_of(row, n) is the text of one example, delimiters included. Returns a function from the row that is evaluated to
-- the text of its shots.
return function(task, io, text_of)
    if io.shots == 0 then
        return function() return "" end
    end
    local fixed = type(task.sampler) == "table"
    local pool = fixed and task.sampler or io.pool()
    local extra = not fixed and draws_one_more(task)
    if io.shots + (extra and 1 or 0) > #pool then
        error(("%d shots asked for, but only %d examples to draw from"):format(io.shots, #pool), 0)
    end
    local draw = sampler(task, io, pool, io.shots, extra)
    local number, texts = {}, {}
    for i, row in ipairs(pool) do number[row] = i end
    return function(row)
        return join(map(draw(row), function(example)
            local i = number[example]
            texts[i] = texts[i] or text_of(example, i)
            return texts[i]
        end))
    end
end
