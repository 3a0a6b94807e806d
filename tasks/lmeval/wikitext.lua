-- How well a model predicts whole articles of Wikipedia (Merity et al. 2016). The data has its punctuation set apart; what
-- is scored is put together again, while words and bytes are counted on the page as it is.

-- White space inside a pair of marks, next to them, goes.
local function tighten(text, open, close)
  local inner = "[^%" .. close .. "]*"
  return (gsub(text, "%" .. open .. "(" .. inner .. ")%" .. close, function(kept) return open .. trim(kept) .. close end))
end

local joined = {
  { " @-@ ", "-" }, { " @,@ ", "," }, { " @.@ ", "." },
  { " : ", ": " }, { " ; ", "; " }, { " . ", ". " }, { " ! ", "! " }, { " ? ", "? " }, { " , ", ", " },
}
local rest = {
  { "= = = =", "====" }, { "= = =", "===" }, { "= =", "==" }, { " ° ", "°" }, { " \n", "\n" }, { "\n ", "\n" },
  { " N ", " 1 " }, { " 's", "'s" },
}

local function replace_all(text, pairs_of)
  for _, pair in ipairs(pairs_of) do text = replace(text, pair[1], pair[2]) end
  return text
end

local function detokenised(page)
  local text = replace(page, "s '", "s'")
  text = gsub(text, "/' [0-9]/", "/'[0-9]/") -- the harness's own pattern, whose slashes were not meant
  text = replace_all(text, joined)
  for _, marks in ipairs { "()", "[]", "{}", '""', "''" } do text = tighten(text, marks:sub(1, 1), marks:sub(2)) end
  return replace_all(text, rest)
end

-- Python's len(re.split(r"\s+", page)): white space at either end makes an empty word there.
local function count_words(page)
  local before, after = #trim_left(page) < #page, #trim_right(page) < #page
  return math.max(1, #split(page) + (before and 1 or 0) + (after and 1 or 0))
end

return rolling {
  name = "wikitext", version = 2,
  data = hub "EleutherAI/wikitext_document_level" {
    revision = "647234772b9554e208af6c826f23b99e3cac88c8", config = "wikitext-2-raw-v1", test = "test" },
  doc = function(row) return {
    text = detokenised(row.page), words = count_words(row.page), bytes = #row.page } end,
  main = "word_perplexity", report = { "word_perplexity", "byte_perplexity", "bits_per_byte" },
  higher_is_better = false, licence = "CC BY-SA 4.0", languages = { "eng-Latn" }, domains = { "encyclopaedia" },
  reference = "https://arxiv.org/abs/1609.07843", published = "2016-09-26",
}
