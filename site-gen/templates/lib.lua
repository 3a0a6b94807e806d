-- What the templates share: numbers as people read them, and small parts. Nothing here makes markup but include().

format = string.format

-- Cuts whatever it is given to so many characters: a field of a stranger's may be of any type.
local cut = clip
function clip(v, n) return cut(type(v) == "string" and v or plain(v), n) end

local function scaled(v, metric) return metric.percent and v * 100 or v end
local function digits(metric) return metric.percent and "%.1f" or "%.2f" end

PERCENT = { percent = true, higher = true }

-- A value: 53.7 for 0.537, 12.34 for what has no upper end. Never "-0.0".
function number(v, metric)
    local text = digits(metric):format(scaled(v, metric))
    return (text:gsub("^%-(0[.0]*)$", "%1"))
end

-- Half of the 95 % interval: "±0.7"; empty where the error is unknown.
function error_of(f, metric)
    if not f.low or not f.high then return "" end
    return "±" .. digits(metric):format(scaled((f.high - f.low) / 2, metric))
end

-- A difference of shares: "+1.2", "−0.4", "0.0".
function signed(v)
    local text = format("%+.1f", 100 * v)
    return (text:gsub("^[%+%-]0%.0$", "0.0"):gsub("^%-", "−"))
end

-- "53.7 (95 % interval 52.9 to 54.4, n = 400)"
function told(f, metric)
    local text = number(f.value, metric)
    local more = {}
    if f.low and f.high then
        more[1] = format("95 %% interval %s to %s", number(f.low, metric), number(f.high, metric))
    else
        more[1] = "error unknown"
    end
    if f.n then more[#more + 1] = "n = " .. count(f.n) end
    return text .. " (" .. table.concat(more, ", ") .. ")"
end

-- 12345 -> "12 345", with narrow no-break spaces.
function count(n)
    local text = format("%d", math.floor(n + 0.5))
    while true do
        local grouped, k = text:gsub("^(%-?%d+)(%d%d%d)", "%1\u{202F}%2", 1)
        if k == 0 then return text end
        text = grouped
    end
end

local function short_scale(n, base, units)
    local i = 1
    while n >= base and i < #units do
        n = n / base
        i = i + 1
    end
    local text = n < 10 and i > 1 and format("%.1f", n) or format("%.0f", n)
    return text:gsub("%.0$", "") .. units[i]
end

function params(n) return n and n > 0 and short_scale(n, 1000, { "", "k", "M", "B", "T" }) or "–" end
function bytes(n) return n and n > 0 and short_scale(n, 1000, { " B", " kB", " MB", " GB", " TB" }) or "–" end

local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }
function day(t)
    local y, m, d = (t or ""):match("^(%d%d%d%d)%-(%d%d)%-(%d%d)T")
    return y and format("%d %s %s", math.tointeger(tonumber(d)), MONTHS[tonumber(m)] or m, y) or "–"
end
function moment(t)
    local clock = (t or ""):match("T(%d%d:%d%d)")
    return clock and day(t) .. ", " .. clock .. " UTC" or "–"
end

function seconds(s)
    if not s then return "–" end
    if s < 10 then return format("%.1f s", s) end
    if s < 120 then return format("%.0f s", s) end
    return format("%.0f min", s / 60)
end

function hash(h, n) return h and h:sub(1, n or 12) or "–" end
function plural(n, one, many) return count(n) .. " " .. (n == 1 and one or many or one .. "s") end

-- How a section's mean is made, in a sentence.
function mean_told(section)
    local tasks = plural(#section.tasks, "task")
    if section.mean == "size" then return "The mean is over " .. tasks .. ", weighted by their number of questions." end
    if section.mean == "type" then
        return "The mean is over " .. plural(#section.types, "type") .. " of tasks, each type's mean over its tasks counting once."
    end
    if section.mean == "borda" then
        return "Models are ranked by Borda's rule: on each of " .. tasks .. " a model gets a vote for each model below it. "
            .. "Ranges of ranks and tiers are those of the mean over tasks."
    end
    local over = #section.groups > 0 and tasks .. ", the suites among them counting once" or tasks .. " of equal weight"
    if section.mean ~= "normalised" then return "The mean is over " .. over .. "." end
    return "The mean is over " .. over .. ", with chance at 0 and perfect at 100."
end

-- What was put before the texts of a task, by role; nil where nothing was.
function prompts_told(prompts)
    local told = {}
    for _, role in ipairs { "text", "query", "document" } do
        local one = type(prompts) == "table" and prompts[role]
        if type(one) == "table" and type(one.prompt) == "string" then
            told[#told + 1] = format("%s “%s” (by %s)", role, clip(one.prompt, 120), plain(one.rule or "?"))
        end
    end
    return told[1] and table.concat(told, "; ")
end

-- "3–7", or "3" where it is certain.
function rank_range(row)
    if not row.rank_low then return "–" end
    return row.rank_low == row.rank_high and tostring(row.rank_low) or row.rank_low .. "–" .. row.rank_high
end

-- The same beside the rank, where a certain one need not be said twice.
function rank_spread(row) return row.rank_low == row.rank_high and "" or rank_range(row) end

-- What the tests of a board's pairs have to say: how many tiers, and how small a difference shows.
function tests_told(t, metric)
    if not t or t.pairs == 0 then return "" end
    local text = plural(t.tiers, "tier") .. ": inside a tier no two models differ significantly"
    if t.paired == 0 then
        text = text .. " (by the errors of their means alone)"
    elseif t.paired < t.pairs then
        text = text .. format(" (%s of %s compared by their errors alone)", count(t.pairs - t.paired), plural(t.pairs, "pair"))
    end
    if t.detectable then
        text = text .. format(". A difference of %s between neighbours is found four times out of five", number(t.detectable, metric))
    end
    return text .. "."
end

-- A name in parts, between which a line may break: WordNet|Gloss|Retrieval, wordnet_|definitions.
function words(name)
    local marked = name:gsub("(%l)(%u)", "%1\0%2"):gsub("([_%-/])", "%1\0")
    local list = {}
    for word in marked:gmatch("%Z+") do list[#list + 1] = word end
    return list
end

-- Where v lies between 0 and width, for SVG, in tenths.
function at(v, range, width)
    local x = (v - range.low) / (range.high - range.low)
    return format("%.1f", math.max(0, math.min(1, x)) * width)
end

-- How values lie (a digit a place, as places_of has them) as one path, 280 wide, that stands on the axis of a strip.
function hills(spread)
    local parts, at = {}, 1
    while at <= #spread do
        local same = spread:match("^" .. spread:sub(at, at) .. "+", at)
        parts[#parts + 1] = format("V%gh%d", 16 - 0.6 * tonumber(spread:sub(at, at)), 4 * #same)
        at = at + #same
    end
    return "M0 16" .. table.concat(parts) .. "V16z"
end

-- A value of a sample or a definition in one line.
function plain(v, depth)
    depth = depth or 0
    if type(v) == "number" and math.type(v) == "float" then return format("%.6g", v) end
    if type(v) ~= "table" then return tostring(v) end
    if depth > 3 then return "…" end
    local parts = {}
    if #v > 0 then
        for i = 1, math.min(#v, 24) do parts[i] = plain(v[i], depth + 1) end
        return table.concat(parts, "; ") .. (#v > 24 and "; …" or "")
    end
    for _, k in ipairs(keys(v)) do parts[#parts + 1] = tostring(k) .. ": " .. plain(v[k], depth + 1) end
    return table.concat(parts, ", ")
end

function keys(t)
    local list = {}
    for k in pairs(t) do list[#list + 1] = tostring(k) end
    table.sort(list)
    return list
end

METRICS = {
    acc = "share of questions where the right choice has the highest log-likelihood",
    acc_norm = "share of questions where the right choice has the highest log-likelihood per character",
    acc_bytes = "share of questions where the right choice has the highest log-likelihood per byte",
    exact_match = "share of answers that are exactly the expected one",
    exact_match_original = "share of answers that are the expected formula, in the first way that they were compared",
    strict_acc = "mean of what share of the prompts and what share of the single instructions is followed to the letter",
    prompt_level_strict_acc = "share of prompts of which every instruction is followed to the letter",
    inst_level_strict_acc = "share of all instructions that are followed to the letter",
    prompt_level_loose_acc = "share of prompts of which every instruction is followed, a line or asterisks around the answer aside",
    inst_level_loose_acc = "share of all instructions that are followed, a line or asterisks around the answer aside",
    ndcg_at_10 = "how well the ten first results are ordered: normalised discounted cumulative gain",
    ndcg_at_1 = "share of queries whose first result is the right one",
    mrr_at_10 = "mean of one over the rank of the first right result, among ten",
    recall_at_10 = "share of the right results that are among the first ten",
    recall_at_100 = "share of the right results that are among the first hundred",
    map = "mean average precision",
    cosine_spearman = "rank correlation (Spearman) of the cosine of two vectors with the similarity that people or a hierarchy give",
    cosine_pearson = "linear correlation (Pearson) of the cosine of two vectors with the given similarity",
    euclidean_spearman = "rank correlation (Spearman) of the distance of two vectors with the given similarity",
    perplexity = "how many words the model hesitates between, on average; lower is better",
    word_perplexity = "how many words the model hesitates between, on average; lower is better",
    v_measure = "agreement of clusters with labels",
    accuracy = "share of texts that are given the right label, the mean over experiments with other training samples",
    f1 = "harmonic mean of precision and recall",
    mcc = "Matthews' correlation of given and right labels: 0 for guessing, 1 for all right",
    bleu = "runs of one to four words that a right answer has too, from 0 to 100",
    chrf = "runs of one to six characters that a right answer has too, from 0 to 100",
    bleu_acc = "share of answers that are more like a true one than like any false one, by runs of words (BLEU)",
    rouge1_acc = "share of answers that are more like a true one than like any false one, by words",
    rougeL_acc = "share of answers that are more like a true one than like any false one, by the words in their order",
    brier = "mean squared distance of the choices' probabilities from the right answer; lower is better",
    acc_mutual_info = "share of questions where the question raises the log-likelihood of the right choice the most",
    byte_perplexity = "how many bytes the model hesitates between, on average; lower is better",
    bits_per_byte = "how many bits the model needs for a byte of text; lower is better",
    max_ap = "average precision by the similarity that has the highest",
    max_accuracy = "share of pairs that the best threshold of the best similarity tells apart",
    cosine_ap = "average precision of pairs that belong together, by the cosine of their vectors",
    p_mrr = "how far rankings move with the instruction, from −1 to 1",
}
KINDS = {
    choice = "multiple choice", sts = "similarity of texts", retrieval = "retrieval", rerank = "reranking",
    classification = "classification", multilabel = "classification with several labels", clustering = "clustering",
    pair = "pairs", bitext = "translation pairs", summary = "summaries", loglikelihood = "next words",
    rolling = "perplexity of texts", generate = "written answers", instruction_retrieval = "retrieval by instruction",
}
STATES = {
    leased = "running", queued = "queued", waiting = "waiting to be tried again", dead = "failed",
    cancelled = "cancelled", done = "done",
}
ADVICE = {
    unsupported = "The model or file is of a kind that is not run here.",
    input = "A file is damaged or not what it says it is.",
    task = "The task file is at fault, not the model.",
    resource = "It does not fit the memory of the worker.",
    numeric = "The model gave NaN or infinity.",
    crash = "The process that ran it died; it is tried three times.",
    auth = "The repository is gated or private.",
    not_found = "The model or revision does not exist.",
    network = "The hub could not be reached.",
}

-- Samples. The end of a text, at most n bytes, from the beginning of a character on: where the question of a prompt is.
function ending(s, n) return #s <= n and s or "…" .. s:sub(-n):gsub("^[\128-\191]+", "") end
VERDICTS = { right = "right", wrong = "wrong", part = "right in part" }
-- "79 right, 121 wrong", or nil where single documents have no verdict.
function verdicts_told(c)
    local told = {}
    for _, v in ipairs { "right", "wrong", "part" } do
        if c[v] > 0 then told[#told + 1] = count(c[v]) .. " " .. VERDICTS[v] end
    end
    return told[1] and table.concat(told, ", ")
end
-- The value of an option: -31.25, 0.7342, 3.
function option_value(v) return math.type(v) == "integer" and format("%d", v) or format(math.abs(v) >= 10 and "%.2f" or "%.4f", v) end

-- What stands beside a figure: "word: more", as columns.c has it for scripts; nil where nothing does.
function cell_note(c)
    if c.differs and c.trained then return "other data, trained: " .. c.differs .. "; " .. c.trained end
    return c.differs and "other data: " .. c.differs or c.trained and "trained: " .. c.trained
end
-- "95 %", or that it is not known.
function zero_shot(z) return z.percent and z.percent .. " %" or z.n_trained > 0 and "in part" or "unknown" end

-- What a script must know of a row of a board to choose by it; the order is board.js's.
local LINE = { "key", "permissive", "type", "lic", "prec", "arch", "openness", "zero", "measured_at", "memory_bytes", "tokens_per_s",
    "rank_low", "rank_high" }
function row_line(r)
    local parts = {}
    for i, k in ipairs(LINE) do parts[i] = r[k] == nil and "" or r[k] == true and "1" or tostring(r[k]) end
    parts[8] = r.zero_shot and r.zero_shot.state or ""
    if r.measured_at then parts[9] = r.measured_at:sub(1, 10) end
    parts[#parts + 1] = r.mean and r.mean.low and format("%.4f", r.mean.low) or ""
    parts[#parts + 1] = r.mean and r.mean.high and format("%.4f", r.mean.high) or ""
    return table.concat(parts, "|")
end

-- A value to sort by.
function exact(v) return format("%.6g", v) end

-- Why a model is among those to choose from, by size alone.
function choice_told(r, last)
    local text = r.gain and format("%s above the best smaller one%s.", number(r.gain, PERCENT),
        r.same_tier and ", from which it cannot be told" or "") or "The smallest that has all tasks."
    return last and r.gain and text .. " None scores more." or text
end
-- The files below /api/v1: path, schema, what is in it.
API = {
    ["assay.site.index/1"] = "suites with their leaders, newest results, counts",
    ["assay.site.board/1"] = "a board: sections with their tasks, rows with rank, tier, mean, zero_shot and a cell a task",
    ["assay.site.plots/1"] = "what the plots of a board draw: points, correlations, differences",
    ["assay.site.changes/1"] = "what became of a board since an older state of the site",
    ["assay.site.models/1"] = "all models, each at its newest revision, and those that were withdrawn",
    ["assay.site.model/1"] = "a model: revisions, its declared training data, its place on each board, all its runs, jobs that are not over",
    ["assay.site.run/1"] = "a run: command, hashes, hardware, all metrics, its first samples",
    ["assay.site.samples/1"] = "200 documents of a run: what was asked and answered; the first file has a map of right and wrong",
    ["assay.site.scores/1"] = "the scores of a model's documents, task by task, as models are compared by them",
    ["assay.site.compare/1"] = "the models that can be compared",
    ["assay.site.tasks/1"] = "all tasks",
    ["assay.site.task/1"] = "a task: definition, versions, the models that were measured on it",
    ["assay.site.queue/1"] = "jobs by state, workers",
    ["assay.site.nights/1"] = "nights of re-evaluation, newest first",
    ["assay.site.methods/1"] = "suites with their versions and hashes",
    ["assay.site.changelog/1"] = "what was corrected, measured again or withdrawn, newest first",
    ["assay.site.tombstone/1"] = "a model that was withdrawn: when and why",
    ["assay.site.data/1"] = "this list of files, with sizes and hashes",
}
API_PATHS = {
    { "/api/v1/index.json", "assay.site.index/1" }, { "/api/v1/s/SUITE.json", "assay.site.board/1" },
    { "/api/v1/s/SUITE/plots.json", "assay.site.plots/1" }, { "/api/v1/s/SUITE/changes.json", "assay.site.changes/1" },
    { "/api/v1/m.json", "assay.site.models/1" }, { "/api/v1/m/ORG/NAME.json", "assay.site.model/1" },
    { "/api/v1/m/ORG/NAME/r/RUN.json", "assay.site.run/1" }, { "/m/ORG/NAME/r/RUN/samples/000.json", "assay.site.samples/1" },
    { "/api/v1/m/ORG/NAME/scores.json", "assay.site.scores/1" }, { "/api/v1/compare.json", "assay.site.compare/1" },
    { "/api/v1/t.json", "assay.site.tasks/1" },
    { "/api/v1/t/TASK.json", "assay.site.task/1" }, { "/api/v1/queue.json", "assay.site.queue/1" },
    { "/api/v1/nights.json", "assay.site.nights/1" }, { "/api/v1/methods.json", "assay.site.methods/1" },
    { "/api/v1/changelog.json", "assay.site.changelog/1" }, { "/api/v1/data.json", "assay.site.data/1" },
}
