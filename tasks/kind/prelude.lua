-- What every task file sees beside Lua's own string, table, math and utf8, and how the program drives it.
-- Runs once, before the task file, with `host`: what C lends. Returns the two functions that the program calls:
-- describe(value) checks what the file returned and says what it is; run(value, request) sends its documents.

local host = host
local labelled -- what kinds of labelled texts share, once there is such a task
local kinds = {
    "choice", "loglikelihood", "rolling", "generate", "sts", "classification", "multilabel", "clustering", "pair",
    "rerank", "retrieval", "bitext", "summary", "instruction_retrieval", "suite",
}
local made = {} -- the table that a constructor was given -> its kind
local datas = {} -- a data object -> true
local sources = {} -- {repo =, revision =} or {file =, format =}, in the order in which the file names them

variant = host.variant
local host_expression = host.expression
format = string.format

---- lists ----

function map(list, f)
    local out = {}
    for i = 1, #list do out[i] = f(list[i]) end
    return out
end

function filter(list, f)
    local out = {}
    for i = 1, #list do
        if f(list[i]) then out[#out + 1] = list[i] end
    end
    return out
end

function join(list, separator)
    return table.concat(list, separator or "")
end

letters = {}
for i = 1, 26 do letters[i] = string.char(64 + i) end

-- Where `key` stands among `labels`, counted from 0.
function letters.index(labels, key)
    for i = 1, #labels do
        if tostring(labels[i]) == tostring(key) then return i - 1 end
    end
    error(format("label '%s' is not among the %d labels", tostring(key), #labels), 2)
end

-- For `reorder`: a list whose options stand in another order, order[i] being which of them comes i-th; and where the one
-- that was at `index`, counted from 0, is then.
function permuted(list, order)
    return map(order, function(i) return list[i] end)
end

function moved(order, index)
    return letters.index(order, math.tointeger(tonumber(index)) + 1)
end

include = host.include

---- steps of filters ----

local steps = { "regex", "take_first", "take_first_k", "majority_vote", "remove_whitespace", "lowercase", "uppercase",
    "map_to", "between_dollars", "final_answer", "multi_choice_regex", "map_regex", "number_regex", "word_sort",
    "regex_pos", "format_span" }
local n_made = 0

local function step(fields)
    n_made = n_made + 1
    fields.made = n_made
    return fields
end

take_first, majority_vote, remove_whitespace, lowercase, uppercase = { step = "take_first" }, { step = "majority_vote" },
    { step = "remove_whitespace" }, { step = "lowercase" }, { step = "uppercase" }
final_answer = { step = "final_answer" } -- of "Final Answer: The final answer is ... . I hope it is correct."
between_dollars = { step = "between_dollars" } -- the first "$" and the last; all of a text that has less than two

-- What Python's findall gives: of its matches the one that `select` says, counted from 0 or from the end by -1.
function regex(pattern, select, fallback)
    if type(pattern) ~= "string" then error("regex wants a regular expression, a string", 2) end
    if select ~= nil and math.type(select) ~= "integer" then error("regex wants the number of a match, an integer", 2) end
    return step { step = "regex", pattern = pattern, select = select or 0, fallback = fallback or "[invalid]",
        problem = host_expression(pattern) }
end

function take_first_k(k)
    if math.type(k) ~= "integer" or k < 1 then error("take_first_k wants a number, at least 1", 2) end
    return step { step = "take_first_k", k = k }
end

function map_to(mapping, default)
    if type(mapping) ~= "table" then error("map_to wants a table from texts to texts", 2) end
    return step { step = "map", mapping = mapping, fallback = default or "[invalid]" }
end

-- What a document has as `choices`, in the order in which they stand in a text.
word_sort = { step = "word_sort" }
regex_pos = { step = "regex_pos" } -- of "[('word', 'TAG'), ...]" the tags, a list in JSON
format_span = { step = "format_span" } -- of "PER: name $$ LOC: place" and the like: "per: name $ loc: place"

local picks = { select = "number", fallback = "string", ignore = "table" }
local leaves_out = { case = "boolean", punctuation = "boolean", regexes = "table" }

local function check_options(name, options, allowed, level)
    if type(options) ~= "table" then error(name .. " wants a table of options", level) end
    for key, value in pairs(options) do
        if not allowed[key] then error(format("%s has no option '%s'", name, tostring(key)), level) end
        if type(value) ~= allowed[key] then error(format("option '%s' of %s must be a %s", key, name, allowed[key]), level) end
    end
end

-- Steps that look for something in a text of which `ignore` is left out: regular expressions, case, punctuation.
local function pick(name, fields, options)
    options = options or {}
    check_options(name, options, picks, 4)
    local ignore = options.ignore or {}
    check_options(name .. "'s ignore", ignore, leaves_out, 4)
    if options.select and math.type(options.select) ~= "integer" then error(name .. " wants the number of a match", 3) end
    for _, pattern in ipairs(ignore.regexes or {}) do
        fields.problem = fields.problem or (type(pattern) ~= "string" and "'regexes' must be a list of strings")
            or host_expression(pattern)
    end
    fields.step, fields.select, fields.fallback = name, options.select or 0, options.fallback or "[invalid]"
    fields.ignore = options.ignore
    return step(fields)
end

local function pattern_for(name, pattern)
    if type(pattern) ~= "string" then error(name .. " wants a regular expression, a string", 3) end
    return { pattern = pattern, problem = host_expression(pattern) }
end

-- What the expression finds, "(B)" mostly; else which of the document's `choices` stands there, as "(B)"; else a letter
-- behind a colon.
function multi_choice_regex(pattern, options)
    return pick("multi_choice_regex", pattern_for("multi_choice_regex", pattern), options)
end

-- { { expression, text }, ... }: of what all of them find together, the text of the first that fits that.
function map_regex(pairs_, options)
    if type(pairs_) ~= "table" or #pairs_ == 0 then error("map_regex wants a list of pairs, { expression, text }", 2) end
    local problem
    for _, pair in ipairs(pairs_) do
        if type(pair) ~= "table" or type(pair[1]) ~= "string" or type(pair[2]) ~= "string" then
            error("map_regex wants a list of pairs, { expression, text }", 2)
        end
        problem = problem or host_expression(pair[1])
    end
    return pick("map_regex", { pairs = pairs_, problem = problem }, options)
end

-- What the expression finds, else a number in English words.
function number_regex(pattern, options)
    return pick("number_regex", pattern_for("number_regex", pattern), options)
end

---- data ----

local function nearest(name, names)
    local best, least
    for _, other in ipairs(names) do
        local d = host.distance(name, other)
        if d <= 1 + (#name + 1) // 4 and (not least or d < least) then best, least = other, d end
    end
    return best
end

local function sorted_keys(t)
    local keys = {}
    for k in pairs(t) do keys[#keys + 1] = tostring(k) end
    table.sort(keys)
    return keys
end

local function add_source(source)
    sources[#sources + 1] = source
    return #sources
end

local function check_data_fields(what, fields, allowed)
    if type(fields) ~= "table" then error(what .. " wants a table of options", 3) end
    for key, value in pairs(fields) do
        local want = allowed[key]
        if not want then
            local near = type(key) == "string" and nearest(key, sorted_keys(allowed))
            error(format("%s has no option '%s'%s", what, tostring(key), near and format(" (did you mean '%s'?)", near)
                or ""), 3)
        end
        if type(value) ~= want then error(format("option '%s' of %s must be a %s", key, what, want), 3) end
    end
end

local hub_options = {
    revision = "string", config = "string", test = "string", shots = "string", train = "string",
    subset = "table", subsets = "table", corpus = "string", queries = "string", qrels = "string",
    top_ranked = "string", instruction = "string", qrel_diff = "string",
}

function hub(repo)
    if type(repo) ~= "string" then error("hub wants the name of a data set, \"org/name\"", 2) end
    return function(fields)
        check_data_fields(format("hub \"%s\"", repo), fields, hub_options)
        if fields.revision and not fields.revision:find("^%x+$") or fields.revision and #fields.revision ~= 40 then
            error("a revision is 40 hexadecimal digits", 2)
        end
        local data = { repo = repo, revision = fields.revision, config = fields.config, test = fields.test or "test",
            shots = fields.shots, train = fields.train, subsets = fields.subsets or fields.subset,
            corpus = fields.corpus, queries = fields.queries, qrels = fields.qrels, top_ranked = fields.top_ranked,
            instruction = fields.instruction, qrel_diff = fields.qrel_diff }
        data.source = add_source { repo = repo, revision = fields.revision }
        datas[data] = true
        return data
    end
end

local file_options = { format = "string", shots = "string", train = "string" }

function file(path)
    if type(path) ~= "string" then error("file wants a path", 2) end
    return function(fields)
        fields = fields or {}
        check_data_fields(format("file \"%s\"", path), fields, file_options)
        local data = { file = path, format = fields.format, shots = fields.shots, train = fields.train }
        data.source = add_source { file = path, format = fields.format }
        data.shots_source = fields.shots and add_source { file = fields.shots, format = fields.format }
        data.train_source = fields.train and add_source { file = fields.train, format = fields.format }
        datas[data] = true
        return data
    end
end

---- checking ----

local common = {
    name = "string", version = "integer", data = "data", main = "string", report = "strings",
    higher_is_better = "boolean", licence = "string", languages = "strings", domains = "strings",
    reference = "string", published = "string", publish_samples = "boolean", baseline = "number",
    cluster = "function", documents = "function", limit = "integer", profile = "string", subset = "function",
}

local function is_strings(value)
    if type(value) ~= "table" then return false end
    for i = 1, #value do
        if type(value[i]) ~= "string" then return false end
    end
    return #value > 0
end

local tests = {
    integer = function(v) return math.type(v) == "integer" end,
    strings = is_strings,
    functions = function(v)
        for i = 1, type(v) == "table" and #v or 0 do
            if type(v[i]) ~= "function" then return false end
        end
        return type(v) == "table" and #v > 0
    end,
    data = function(v) return datas[v] or false end,
    list = function(v) return type(v) == "table" end,
    range = function(v)
        return type(v) == "table" and type(v[1]) == "number" and type(v[2]) == "number" and v[1] < v[2]
    end,
    texts = function(v)
        return type(v) == "string" or type(v) == "table" and type(v.query or "") == "string"
            and type(v.passage or "") == "string"
    end,
}

local words = {
    integer = "an integer", strings = "a list of strings", functions = "a list of functions", data = "made by hub or file", list = "a list",
    range = "{ low, high }", texts = "a string or { query = , passage = }", ["function"] = "a function",
}

-- want: one type or several with '|' between them
local function fits(value, want)
    for one in want:gmatch("[^|]+") do
        local test = tests[one]
        if test and test(value) or not test and type(value) == one then return true end
    end
    return false
end

local function in_words(want)
    return (want:gsub("[^|]+", function(one) return words[one] or "a " .. one end):gsub("|", " or "))
end

-- The message of a problem goes on where its field stands: "'nmae' is no field …".
local function unknown_field(name, kind_name, names)
    local near = nearest(name, names)
    return format("is no field of a task of kind '%s'%s", kind_name, near and format(": did you mean '%s'?", near)
        or ": it has " .. table.concat(names, ", "))
end

local function check_fields(task, kind, kind_name, problem)
    local known, n_bad = {}, 0
    for key, want in pairs(common) do known[key] = want end
    for key, want in pairs(kind.fields) do known[key] = want or nil end
    local names = sorted_keys(known)
    for key, value in pairs(task) do
        local want = known[key]
        if n_bad >= 20 then break end
        if type(key) ~= "string" then
            problem("", format("the table holds an item without a name (key %s)", tostring(key)))
            n_bad = n_bad + 1
        elseif not want then
            problem(key, unknown_field(key, kind_name, names))
            n_bad = n_bad + 1
        elseif not fits(value, want) then
            problem(key, format("must be %s, got a %s", in_words(want), type(value)))
            n_bad = n_bad + 1
        end
    end
    for _, key in ipairs(kind.required) do
        if task[key] == nil then problem(key, "is missing") end
    end
    return n_bad == 0
end

local function check_metric(name, field, metrics, problem)
    for _, known in ipairs(metrics) do
        if known == name then return end
    end
    local near = nearest(name, metrics)
    problem(field, format("names metric '%s', which this kind of task doesn't have%s", name, near and
        format(": did you mean '%s'?", near) or ": it has " .. table.concat(metrics, ", ")))
end

local function check_values(task, kind, problem)
    if task.name and not task.name:find("^[%w][%w_.:+-]*$") then
        problem("name", "may hold letters, digits and _ . : + - only")
    end
    if task.version and task.version < 0 then problem("version", "is not negative") end
    if task.profile and task.profile:find("+", 1, true) then
        problem("profile", "is a rule set alone: what is varied, whoever runs the task says")
    end
    if task.limit and task.limit < 1 then problem("limit", "is at least 1") end
    local metrics = kind.metrics_of and kind.metrics_of(task) or kind.metrics
    for _, name in ipairs(task.report or {}) do check_metric(name, "report", metrics, problem) end
    if task.main and metrics[1] then check_metric(task.main, "main", metrics, problem) end
    if kind.labelled then labelled.check(task, problem) end
    if kind.check then kind.check(task, problem) end
end

local function by_line(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.field < b.field
end

-- Everything that is wrong with a task, in the order of its lines.
local function problems_of(task, kind, kind_name)
    local list = {}
    local function problem(field, message)
        list[#list + 1] = { line = host.line(field), field = field, message = message }
    end
    if check_fields(task, kind, kind_name, problem) then check_values(task, kind, problem) end
    table.sort(list, by_line)
    return list
end

---- constructors ----

-- Protocols, and what several of them have in common, are files of their own; while one is read it sees `host.kind`.
local parts = {}
local shared = {
    expression = host.expression, nearest = nearest, steps = steps,
    kind = function(name)
        parts[name] = parts[name] or host.kind(name)
        return parts[name]
    end,
}

local function load_kind(name)
    _ENV.host = shared
    local kind = host.kind(name)
    _ENV.host = nil
    return kind
end

local protocols, with_shots = {}, nil
for _, name in ipairs(kinds) do
    _ENV[name] = function(task)
        if type(task) ~= "table" then error(name .. " wants a table", 2) end
        protocols[name] = protocols[name] or load_kind(name) or host.unsupported(
            format("%s: tasks of kind '%s' are not supported yet", host.path, name))
        if protocols[name].fields.sampler then with_shots = with_shots or host.kind("shots") end
        if protocols[name].labelled then labelled = labelled or host.kind("labelled") end
        made[task] = name
        return task
    end
end

-- What has a JSON form, for `task show`.
local function plain(value, depth)
    local kind = type(value)
    if kind == "string" or kind == "boolean" or kind == "number" and value == value and value ~= math.huge
        and value ~= -math.huge then
        return value
    elseif kind == "table" and depth < 4 then
        local out = {}
        for k, v in pairs(value) do
            if type(k) == "string" or math.type(k) == "integer" and k >= 1 and k <= #value then
                out[k] = plain(v, depth + 1)
            end
        end
        return next(out) ~= nil and out or nil
    end
end

local function report_of(task, kind)
    local out, seen = {}, {}
    local main = task.main or kind.main
    for _, name in ipairs(task.report or {}) do
        if not seen[name] then out[#out + 1] = name end
        seen[name] = true
    end
    if main and not seen[main] then table.insert(out, 1, main) end
    return out
end

-- How many shots and documents: what was asked for, else what the task says.
local function settle(task, header, request)
    header.shots = math.type(task.shots) == "integer" and task.shots or 0
    if request.shots >= 0 and not task.shots_fixed and protocols[made[task]].fields.shots then
        header.shots = request.shots
    end
    header.limit = request.limit == 0 and task.limit or request.limit > 0 and request.limit or nil
    header.profile = request.profile or task.profile
    header.rules = header.profile and header.profile:match("^[^+]*")
    header.seed = request.seed >= 0 and request.seed or header.rules == "lighteval" and 0 or request.default_seed
end

-- What the documents are in parts of: subsets of the data set, splits of it, or both. `name` is the subset of a result.
local function parts_of(task)
    local splits, subsets, out = task.splits or { false }, task.data and task.data.subsets or { false }, {}
    for _, split in ipairs(splits) do
        for _, subset in ipairs(subsets) do
            local name = split and subset and split .. "/" .. subset or split or subset or nil
            out[#out + 1] = { name = name, split = split or nil, subset = subset or nil }
        end
    end
    return out
end

local function names_of(parts)
    return parts[1].name and map(parts, function(part) return part.name end) or nil
end

-- Those that are asked for, in that order: by a part's own name or by a subset's.
local function chosen_parts(task, names)
    local out = {}
    for _, name in ipairs(names) do
        local n = #out
        for _, part in ipairs(parts_of(task)) do
            if part.name == name or part.subset == name then out[#out + 1] = part end
        end
        if #out == n and task.splits then
            error(format("%s: no part '%s': it has %s", host.path, name, join(names_of(parts_of(task)), ", ")), 0)
        elseif #out == n then
            out[#out + 1] = { name = name, subset = name }
        end
    end
    return out
end

local function describe(value, request)
    local name = type(value) == "table" and made[value]
    if not name then
        error(format("%s:1: the file returns %s; it must return what a constructor made: return choice { … }, sts { … }, "
            .. "retrieval { … } and so on", host.path, value == nil and "nothing" or "a " .. type(value)), 0)
    end
    local kind = protocols[name]
    local list = problems_of(value, kind, name)
    if list[1] then return { kind = name, problems = list } end
    local header = { kind = name, sources = sources, report = report_of(value, kind), main = value.main or kind.main }
    header.described = plain(value, 0)
    header.data = value.data and { repo = value.data.repo, revision = value.data.revision, config = value.data.config,
        split = value.data.repo and value.data.test, subsets = names_of(parts_of(value)) }
    if kind.header then kind.header(value, header) end
    header.reorders, header.wordings = value.reorder ~= nil, #(value.wordings or {})
    settle(value, header, request)
    return header
end

---- documents ----

local function fail(field, row, message)
    error(format("%s:%d: %s: row %d: %s", host.path, host.line(field), field, row, message), 0)
end

-- Calls a function of the task; its errors say at which row. No table for the results: there are millions of rows.
local function checked(row, ok, ...)
    if not ok then error(format("%s (row %d)", tostring((...)), row), 0) end
    return ...
end

local function call(row, f, ...)
    return checked(row, pcall(f, ...))
end

-- keep: rows come with their JSON text. narrow: they may come without columns that the task can be seen not to name; who
-- looks at one after all, or goes through a row, has the task started anew. For rows that nobody compares or copies.
local function open_rows(data, which, subset, keep, narrow)
    if data.file then
        return host.rows(which == "shots" and data.shots_source or data.source, { {} }, keep, narrow)
    end
    return host.rows(data.source, { { config = subset or data.config, split = data[which] or data.test } }, keep, narrow)
end

-- The task's own documents, made from all rows at once; kept until another subset is asked for, as a protocol may ask
-- for one split after the other.
local latest = {}
local function derived(task, subset)
    if latest.docs and latest.subset == subset then return latest.docs end
    latest = {}
    local rows = task.data and open_rows(task.data, "test", subset, false, true)
    local docs = task.documents(rows and function() return (rows()) end)
    if type(docs) ~= "table" then
        error(format("%s:%d: documents: must return a list, got a %s", host.path, host.line("documents"), type(docs)), 0)
    end
    latest = { subset = subset, docs = docs }
    return docs
end

-- The rows that `where` of the task lets by.
local function wanted(task, rows)
    if not task.where then return rows end
    local n = 0
    return function()
        while true do
            local row, text = rows()
            n = n + 1
            if row == nil or call(n, task.where, row) then return row, text end
        end
    end
end

-- An iterator over what is evaluated: number of the row from 1, row, its JSON text where that is kept.
local function documents(task, subset, limit, keep, narrow)
    local n = 0
    if task.documents then
        local docs = derived(task, subset)
        return function()
            n = n + 1
            if n <= limit and docs[n] ~= nil then
                host.refill()
                return n, docs[n], keep and json.encode(docs[n]) or nil
            end
        end
    end
    local rows = wanted(task, open_rows(task.data, "test", subset, keep, narrow))
    return function()
        n = n + 1
        if n > limit then return nil end
        local row, text = rows()
        if row then return n, row, text end
    end
end

-- Rows by the subset that task.subset says they belong to, and the subsets in order of appearance.
local function sorted_rows(task, keep)
    local rows, order = {}, {}
    for n, row, text in documents(task, nil, math.maxinteger, keep) do
        local key = tostring(call(n, task.subset, row))
        if not rows[key] then
            rows[key] = {}
            order[#order + 1] = key
        end
        table.insert(rows[key], { n, row, text })
    end
    return rows, order
end

local function each_of(rows, limit)
    local i = 0
    return function()
        i = i + 1
        if i > limit or not rows[i] then return nil end
        host.refill()
        return table.unpack(rows[i], 1, 3)
    end
end

-- The rows of one split by its name (nil: of the test split), or the list of that name that `documents` makes: an
-- iterator, and a function that lets the next n rows go by.
local function split_rows(task, subset, name, keep)
    if task.documents then
        local lists, i = derived(task, subset), 0
        local list = lists[name or "test"] or not name and lists
        if type(list) ~= "table" then
            error(format("%s:%d: documents: must give a list '%s'", host.path, host.line("documents"), name), 0)
        end
        return function()
            i = i + 1
            host.refill()
            return list[i], keep and list[i] ~= nil and json.encode(list[i]) or nil
        end, function(n) i = i + n end
    end
    local data = task.data
    if data.file then
        local source = name and data[name .. "_source"] or data.source
        return host.rows(source, { {} }, keep, true)
    end
    return host.rows(data.source, { { config = subset or data.config, split = name or data.test } }, keep, true)
end

-- What a kind's protocol works with. part.rows: those of the subset, where a function of the task sorts them. `stream`:
-- what one subset leaves to the next.
local function new_io(task, request, settled, part, stream)
    local limit, subset = settled.limit or math.maxinteger, part.subset
    local io = { fail = fail, call = call, with_shots = with_shots, labelled = labelled, subset = subset, limit = limit,
        shots = settled.shots, seed = settled.seed, part = part, stream = stream, draw = host.draw, refill = host.refill,
        rules = settled.rules, order = request.order, wording = request.wording }
    function io.rows_of(name) return split_rows(task, subset, name, request.keep_rows) end
    function io.documents()
        if part.rows then return each_of(part.rows, limit) end
        local narrow = settled.shots == 0 and request.order == 0 -- examples are compared, reordered rows copied
        return documents(task, not task.parallel and subset or nil, limit, request.keep_rows, narrow)
    end
    function io.derived() return derived(task, subset) end
    function io.rows(parts, source) return host.rows(source or task.data.source, parts, false, true) end
    function io.pool()
        if task.documents then return derived(task, subset) end
        local out = {}
        for row in wanted(task, open_rows(task.data, "shots", subset, false)) do out[#out + 1] = row end
        return out
    end
    -- The key of the cluster that a document belongs to; nothing is a cluster of its own.
    local function cluster_of(n, row)
        local key = call(n, task.cluster, row)
        if key ~= nil and type(key) ~= "string" and type(key) ~= "number" then
            fail("cluster", n, "must give a string, a number or nothing, got a " .. type(key))
        end
        return key and tostring(key)
    end
    -- Sends one document with what all kinds have in common.
    function io.emit(doc, n, row, text)
        doc.index, doc.subset, doc.row = n - 1, part.name, text
        if task.cluster then doc.cluster = cluster_of(n, row) end
        host.emit { doc = doc }
    end
    io.send = host.emit
    return io
end

-- The subsets that a function of the task sorts rows by, as parts; those that are asked for must be among them.
local function sorted_parts(task, request, parts)
    local rows, order = sorted_rows(task, request.keep_rows)
    if not parts[1].name then
        parts = map(order, function(name) return { name = name, subset = name } end)
    end
    for _, part in ipairs(parts) do
        part.rows = rows[part.name]
        if not part.rows then fail("subset", 0, ("the data has no rows of subset '%s'"):format(part.name)) end
    end
    return parts
end

-- Subsets are parts of the data (a config each), or rows that a function of the task sorts.
local function run(task, request)
    local kind = protocols[made[task]]
    local settled, stream, seen = {}, {}, {}
    settle(task, settled, request)
    local parts = request.subsets and chosen_parts(task, request.subsets) or parts_of(task)
    for _, part in ipairs(parts) do
        local name = part.name or ""
        if seen[name] then error(format("subset '%s' is asked for twice", name), 0) end
        seen[name] = true
    end
    if task.subset then parts = sorted_parts(task, request, parts) end
    for _, part in ipairs(parts) do kind.run(task, new_io(task, request, settled, part, stream)) end
end

return { describe = describe, run = run }
