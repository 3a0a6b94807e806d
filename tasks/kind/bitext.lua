-- Bitext mining: which of the second sentences is the translation of each of the first? pair(row, subset) returns the two.
-- A set that has all languages side by side says `parallel = true` and names its subsets ("eng-deu"): every row then
-- belongs to each of them, and pair takes the columns that the subset's name says.

local function run(task, io)
    for n, row, source in io.documents() do
        local a, b = io.call(n, task.pair, row, io.subset)
        if type(a) ~= "string" or type(b) ~= "string" then
            io.fail("pair", n, ("must return two strings, got a %s and a %s"):format(type(a), type(b)))
        end
        io.emit({ a = a, b = b }, n, row, source)
    end
end

return {
    fields = { pair = "function", parallel = "boolean", prompt = "texts" },
    required = { "name", "version", "pair" },
    metrics = { "f1", "accuracy", "precision", "recall" },
    main = "f1",
    check = function(task, problem)
        if not task.data and not task.documents then problem("data", "is missing") end
        if task.parallel and not (task.data and task.data.subsets) then
            problem("parallel", "needs data with `subsets`: the pairs of languages")
        end
        if task.parallel and task.subset then problem("parallel", "and `subset` cannot both say what a row belongs to") end
    end,
    run = run,
}
