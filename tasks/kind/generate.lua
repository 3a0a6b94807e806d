-- Text that a model goes on with, and what is right of it. Asked is: description, shots, query; in a chat the description
-- is the system's turn, and a shot is a turn of the user's and one of the assistant's.
--
-- What is written ends at a stop string (without `stop`: at what parts the shots), at the end of text or after max_tokens.
-- Each of `filters` makes an answer of it, and each metric is measured on each: "exact_match,strict". Filters are in the
-- order in which the file makes their steps.
--
-- A document may have `choices`, a list of texts: steps like multi_choice_regex look for them. The metrics "bleu", "chrf" and
-- "chrf++" are of all documents at once; "bleu_max", "rouge1_max", "rouge2_max" and "rougeL_max" of each, against the right answer
-- that it is most like; the same with "_acc" (more than any wrong one) and "_diff" need a document's `wrong` answers.
--
-- Where the metrics are those of IFEval, a document has `instructions` in place of `gold`: what its text was told to do,
-- each with its checker's name as `id` and its arguments (evaluator/metric/instruct.h).

local host, turns = host, host.kind("turns")
local told_names = { "prompt_level_strict_acc", "prompt_level_loose_acc", "inst_level_strict_acc", "inst_level_loose_acc",
    "strict_acc" }
local wrong_names = {} -- metrics for which a document needs wrong answers, too
local metric_names = { "exact_match", "exact_match_original", "em", "f1", "bleu", "chrf", "chrf++" }
for _, name in ipairs { "bleu", "rouge1", "rouge2", "rougeL" } do
    metric_names[#metric_names + 1] = name .. "_max"
    for _, form in ipairs { "_acc", "_diff" } do
        metric_names[#metric_names + 1], wrong_names[name .. form] = name .. form, true
    end
end
table.move(told_names, 1, #told_names, #metric_names + 1, metric_names)
local is_told = {}
for _, name in ipairs(told_names) do is_told[name] = true end
local most = { max_tokens = 1000000, repeats = 1000 }
local ignored = { case = "boolean", punctuation = "boolean", numbers = "boolean", regexes = "table", latex = "boolean",
    formula = "boolean", frozen = "boolean" }

local function text(value)
    if type(value) == "number" then return tostring(value) end
    return type(value) == "string" and value or nil
end

---- filters ----

local function first_made(steps)
    local first = math.huge
    for _, step in ipairs(steps) do first = math.min(first, type(step) == "table" and step.made or math.huge) end
    return first
end

-- Their names in order; what is none is check_filters' to say.
local function names_of(task)
    local names, made = {}, {}
    for name, steps in pairs(task.filters or {}) do
        if type(name) == "string" and type(steps) == "table" then
            names[#names + 1], made[name] = name, first_made(steps)
        end
    end
    table.sort(names, function(a, b)
        if made[a] ~= made[b] then return made[a] < made[b] end
        return a < b
    end)
    return names
end

local function metrics_of(task)
    local out = { table.unpack(metric_names) }
    for _, name in ipairs(metric_names) do
        for _, filter in ipairs(names_of(task)) do out[#out + 1] = name .. "," .. filter end
    end
    return out
end

-- "exact_match" is the metric on every filter; as the main one, on the first.
local function spread(task, name)
    local filters = names_of(task)
    if name:find(",", 1, true) or #filters == 0 then return { name } end
    return map(filters, function(filter) return name .. "," .. filter end)
end

local function header(task, out)
    local seen, report = {}, {}
    local main = spread(task, task.main or "exact_match")[1]
    for _, name in ipairs(task.report or { task.main or "exact_match" }) do
        for _, one in ipairs(spread(task, name)) do
            if not seen[one] then report[#report + 1] = one end
            seen[one] = true
        end
    end
    if not seen[main] then table.insert(report, 1, main) end
    out.main, out.report = main, report
    local filters = map(names_of(task), function(name) return { name = name, steps = task.filters[name] } end)
    out.generation = { stop = task.stop or { task.shot_delimiter or "\n\n" }, max_tokens = task.max_tokens or 256,
        temperature = task.temperature or 0, repeats = task.repeats or 1, filters = #filters > 0 and filters or nil,
        ignore = task.ignore }
end

---- lint ----

local function check_filters(task, problem)
    for name, steps in pairs(task.filters or {}) do
        if type(name) ~= "string" or not name:find("^[%w_.+-]+$") then
            problem("filters", ("the name of a filter may hold letters, digits and _ . + - only, not '%s'"):format(
                tostring(name)))
        elseif type(steps) ~= "table" or #steps == 0 then
            problem("filters", ("filter '%s' must be a list of steps"):format(name))
        else
            for i, step in ipairs(steps) do
                if type(step) ~= "table" or not step.step then
                    problem("filters", ("step %d of filter '%s' is a %s, not a step: there are %s"):format(i, name,
                        type(step), join(host.steps, ", ")))
                elseif step.problem then
                    problem("filters", ("filter '%s': %s"):format(name, step.problem))
                elseif step.k and step.k > (task.repeats or 1) then
                    problem("filters", ("filter '%s' takes the first %d texts, but 'repeats' is %d"):format(name,
                        step.k, task.repeats or 1))
                end
            end
        end
    end
end

local function check_ignore(task, problem)
    for key, value in pairs(task.ignore or {}) do
        local near = not ignored[key] and host.nearest(tostring(key), { "case", "punctuation", "numbers", "regexes", "latex", "formula",
            "frozen" })
        if not ignored[key] then
            problem("ignore", ("has no '%s'%s"):format(tostring(key), near and (": did you mean '%s'?"):format(near)
                or ": it has case, punctuation, numbers, regexes, latex, formula, frozen"))
        elseif type(value) ~= ignored[key] then
            problem("ignore", ("'%s' must be a %s, got a %s"):format(key, ignored[key], type(value)))
        end
    end
    local regexes = task.ignore and task.ignore.regexes
    for _, pattern in ipairs(type(regexes) == "table" and regexes or {}) do
        local wrong = type(pattern) ~= "string" and "'regexes' must be a list of strings" or host.expression(pattern)
        if wrong then problem("ignore", wrong) end
    end
end

local function check(task, problem)
    if not task.data and not task.documents then problem("data", "is missing") end
    if task.documents and task.where then problem("where", "is for rows: 'documents' makes its own") end
    for name, limit in pairs(most) do
        if task[name] and (task[name] < 1 or task[name] > limit) then problem(name, ("is 1 to %d"):format(limit)) end
    end
    if task.shots and task.shots < 0 then problem("shots", "is not negative") end
    if task.temperature and not (task.temperature >= 0 and task.temperature <= 100) then
        problem("temperature", "is 0 to 100")
    end
    if type(task.sampler) == "string" and task.sampler ~= "default" and task.sampler ~= "first_n" then
        problem("sampler", "must be \"default\", \"first_n\" or a list of examples")
    end
    for _, stop in ipairs(task.stop or {}) do
        if type(stop) ~= "string" or stop == "" then problem("stop", "must be a list of strings that are not empty") end
    end
    check_filters(task, problem)
    check_ignore(task, problem)
end

---- documents ----

-- A text is an answer; so is a list of texts, which are right together.
local function answer(io, field, n, value)
    if type(value) ~= "table" then
        return { text(value) or io.fail(field, n, ("'gold' must be a string or a list of them, got %s"):format(
            value == nil and "nothing" or "a " .. type(value))) }
    end
    if #value == 0 then io.fail(field, n, "an answer of 'gold' is an empty list") end
    return map(value, function(span)
        return text(span) or io.fail(field, n, ("an answer of 'gold' holds a %s"):format(type(span)))
    end)
end

local function answers(io, field, n, value)
    if type(value) ~= "table" then return { answer(io, field, n, value) } end
    if #value == 0 then io.fail(field, n, "'gold' is an empty list") end
    return map(value, function(one) return answer(io, field, n, one) end)
end

local function texts_of(io, field, n, name, list)
    if list == nil then return nil end
    if type(list) ~= "table" then io.fail(field, n, ("'%s' must be a list of texts, got a %s"):format(name, type(list))) end
    return map(list, function(one)
        return text(one) or io.fail(field, n, ("'%s' must be a list of texts, it holds a %s"):format(name, type(one)))
    end)
end

local function wants_choices(task)
    for _, steps in pairs(task.filters or {}) do
        for _, step in ipairs(steps) do
            if step.step == "multi_choice_regex" or step.step == "word_sort" then return step.step end
        end
    end
end

local function read(io, field, n, f, row)
    local doc = io.call(n, f, row)
    if type(doc) ~= "table" then io.fail(field, n, "must return a table, got a " .. type(doc)) end
    local gold = doc.gold
    if type(doc.instructions) == "table" and gold == nil then gold = json.encode(doc.instructions) end
    return { query = text(doc.query) or io.fail(field, n, "'query' must be a string, got a " .. type(doc.query)),
        gold = answers(io, field, n, gold), told = doc.instructions ~= nil,
        choices = texts_of(io, field, n, "choices", doc.choices), wrong = texts_of(io, field, n, "wrong", doc.wrong) }
end

local function described(task, io, n, row)
    local d = task.description or ""
    return type(d) == "string" and d or text(io.call(n, d, row)) or io.fail("description", n, "must give a string")
end

local function shot(task, io, n, row)
    local ready = type(task.sampler) == "table" and type(row.query) == "string"
    local doc = ready and { query = row.query, gold = answers(io, "sampler", n, row.gold) }
        or read(io, task.shot and "shot" or "doc", n, task.shot or task.doc, row)
    local right = doc.gold[1][1]
    return right == "" and turns.unanswered(doc.query) or turns.shot(task, doc.query, right)
end

local function run(task, io)
    local exact, told, choosing, wrong = nil, false, wants_choices(task), nil
    for _, name in ipairs(task.report or { task.main or "exact_match" }) do
        local plain = name:match("^[^,]*")
        exact = exact or not (plain == "em" or plain == "f1" or is_told[plain]) and plain or nil
        wrong = wrong or wrong_names[plain] and plain or nil
        told = told or is_told[name:match("^[^,]*")] ~= nil
    end
    local shots = io.with_shots(task, io, function(row, n) return shot(task, io, n, row) end,
        function(row, n) return shot(task, io, n, row)[2][2] end, turns.gather)
    for n, row, source in io.documents() do
        local doc = read(io, "doc", n, task.doc, row)
        if told ~= doc.told then
            io.fail("doc", n, told and "'instructions' must be a list, for these metrics" or
                "'instructions' are for the metrics " .. join(told_names, ", "))
        end
        for _, one in ipairs(exact and doc.gold or {}) do
            if #one > 1 then
                io.fail("doc", n, ("an answer of several texts has no %s: 'f1' and 'em' take it"):format(exact))
            end
        end
        if wrong and #(doc.wrong or {}) == 0 then
            io.fail("doc", n, ("must have 'wrong', a list of texts, for the metric '%s'"):format(wrong))
        end
        if choosing and not doc.choices then
            io.fail("doc", n, ("must have 'choices', a list of texts, for the step '%s'"):format(choosing))
        end
        io.emit({ turns = turns.begin(described(task, io, n, row), shots(row)), questions = { doc.query }, gold = doc.gold,
            choices = doc.choices, wrong = doc.wrong }, n, row, source)
    end
end

return {
    fields = {
        doc = "function", delimiter = "string", shot_delimiter = "string", description = "string|function",
        shots = "integer", shots_fixed = "boolean", sampler = "string|list", extra_shot = "boolean", shot = "function",
        stop = "list", max_tokens = "integer", temperature = "number", repeats = "integer", filters = "list",
        ignore = "list", where = "function",
    },
    required = { "name", "version", "doc" },
    metrics = metric_names,
    metrics_of = metrics_of,
    header = header,
    main = "exact_match",
    check = check,
    run = run,
}
