-- Logical reasoning from the exams for Chinese civil servants, translated (Liu et al. 2020).
-- The data set's revision was not to be had when this was written.
local names = { "a", "b", "c", "d" }

return choice {
  name = "logiqa", version = 1,
  data = hub "EleutherAI/logiqa" { config = "logiqa", test = "test", shots = "train" },
  doc = function(row)
    local lines = {}
    for i = 1, math.min(4, #row.options) do lines[i] = letters[i] .. ". " .. row.options[i] .. "\n" end
    return { query = "Passage: " .. row.context .. "\nQuestion: " .. row.question .. "\nChoices:\n" .. join(lines)
      .. "Answer:", choices = row.options, gold = letters.index(names, trim(row.label)) }
  end,
  reorder = function(row, order)
    local answer = letters.index(names, trim(row.label))
    return { options = permuted(row.options, order), label = names[moved(order, answer) + 1] }
  end,
  main = "acc_norm", report = { "acc", "acc_norm" },
  licence = "unknown", languages = { "eng-Latn" }, domains = { "logic" }, baseline = 0.25,
  reference = "https://arxiv.org/abs/2007.08124", published = "2020-07-16",
}
