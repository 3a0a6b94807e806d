-- Semantic similarity: how well the similarity of two vectors follows what people said of the two sentences.

local function run(task, io)
    for n, row, source in io.documents() do
        local a, b, score = io.call(n, task.pair, row)
        if type(a) ~= "string" or type(b) ~= "string" then
            io.fail("pair", n, ("must return two strings and a number, got a %s and a %s"):format(type(a), type(b)))
        end
        score = tonumber(score) or io.fail("pair", n, "the score must be a number, got a " .. type(score))
        io.emit({ a = a, b = b, score = score }, n, row, source)
    end
end

return {
    fields = { pair = "function", range = "range", prompt = "texts" },
    required = { "name", "version", "pair" },
    metrics = {
        "cosine_spearman", "cosine_pearson", "manhattan_spearman", "manhattan_pearson", "euclidean_spearman",
        "euclidean_pearson", "spearman", "pearson",
    },
    main = "cosine_spearman",
    check = function(task, problem)
        if not task.data and not task.documents then problem("data", "is missing") end
    end,
    run = run,
}
