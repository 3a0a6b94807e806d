-- variants: main diamond extended
-- Questions that experts of a field wrote so that others cannot look the answer up (Rein et al. 2023). The harness
-- shuffles the choices of one question after the other with Python's own generator, seeded with 0 when it starts: this is
-- the order of a run that begins with this task. The prompt ends in a space, and another one is before each choice.
local function clean(text)
  if text == nil then return " " end
  text = replace(trim(text), " [title]", ". ")
  return replace(gsub(text, "%[[^\n]-%]", ""), "  ", " ")
end

local function shuffled(rows)
  local random, docs = rng(0), {}
  for row in rows do
    local right = clean(row["Correct Answer"])
    local choices = { clean(row["Incorrect Answer 1"]), clean(row["Incorrect Answer 2"]),
      clean(row["Incorrect Answer 3"]), right }
    random:shuffle(choices)
    docs[#docs + 1] = { question = row.Question, choices = choices, gold = letters.index(choices, right) }
  end
  return docs
end

return choice {
  name = "leaderboard_gpqa_" .. variant, version = 1,
  data = hub "Idavidrein/gpqa" {
    revision = "633f5ee89ab8ad4522a9f850766b73f62147ffdd", config = "gpqa_" .. variant, test = "train" },
  documents = shuffled,
  doc = function(doc)
    local lines = map({ 1, 2, 3, 4 }, function(i) return "(" .. letters[i] .. ") " .. doc.choices[i] .. "\n" end)
    return { query = "What is the correct answer to this question:" .. doc.question .. "\nChoices:\n" .. join(lines)
      .. "Answer: ", choices = { "(A)", "(B)", "(C)", "(D)" }, gold = doc.gold }
  end,
  reorder = function(doc, order)
    return { choices = permuted(doc.choices, order), gold = moved(order, doc.gold) }
  end,
  shots = 0, shots_fixed = true, main = "acc_norm", report = { "acc_norm" },
  licence = "CC BY 4.0", languages = { "eng-Latn" }, domains = { "science" }, baseline = 0.25,
  reference = "https://arxiv.org/abs/2311.12022", published = "2023-11-20",
}
