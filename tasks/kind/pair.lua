-- Pair classification: are two texts the same, as far as the task is concerned? pair(row) returns two texts and a label,
-- 0 or 1; or three lists, where a row of the data set holds all of them (mteb's older layout).

local function label_of(io, n, label)
    local number = label == true and 1 or label == false and 0 or tonumber(label)
    if number ~= 0 and number ~= 1 then io.fail("pair", n, "the label must be 0 or 1, got " .. tostring(label)) end
    return math.tointeger(number)
end

local function text_of(io, n, text)
    return type(text) == "string" and text or io.fail("pair", n, "must return two strings, got a " .. type(text))
end

local function doc_of(io, n, a, b, label)
    return { a = text_of(io, n, a), b = text_of(io, n, b), label = label_of(io, n, label) }
end

local function emit_lists(io, n, row, a, b, labels)
    if type(b) ~= "table" or type(labels) ~= "table" or #a ~= #b or #a ~= #labels then
        io.fail("pair", n, "must return three lists of the same length")
    end
    for i = 1, math.min(#a, io.limit) do io.emit(doc_of(io, i, a[i], b[i], labels[i]), i, row) end
end

local function run(task, io)
    for n, row, source in io.documents() do
        local a, b, label = io.call(n, task.pair, row)
        if type(a) == "table" then
            emit_lists(io, n, row, a, b, label)
        else
            io.emit(doc_of(io, n, a, b, label), n, row, source)
        end
    end
end

local metrics = {}
for _, similarity in ipairs { "max", "similarity", "cosine", "dot", "manhattan", "euclidean" } do
    for _, name in ipairs { "ap", "accuracy", "f1", "precision", "recall" } do
        metrics[#metrics + 1] = similarity .. "_" .. name
    end
end

return {
    fields = { pair = "function", prompt = "texts" },
    required = { "name", "version", "pair" },
    metrics = metrics,
    main = "max_ap",
    check = function(task, problem)
        if not task.data and not task.documents then problem("data", "is missing") end
    end,
    run = run,
}
