-- MMLU made harder: up to ten choices, more questions that take reasoning (Wang et al. 2024). As the second Open LLM
-- Leaderboard asks it: which letter is likeliest, without a chain of thought.
return choice {
  name = "leaderboard_mmlu_pro", version = 0, -- the harness's 0.1
  data = hub "TIGER-Lab/MMLU-Pro" {
    revision = "b189ec765aa7ed75c8acfea42df31fdae71f97be", test = "test", shots = "validation" },
  doc = function(row)
    local lines, names = {}, {}
    for i, option in ipairs(row.options) do
      names[i] = letters[i]
      lines[i] = letters[i] .. ". " .. option .. "\n"
    end
    return { query = row.question .. "\n" .. join(lines) .. "Answer:", choices = names,
      gold = letters.index(names, row.answer) }
  end,
  reorder = function(row, order)
    return { options = permuted(row.options, order), answer = letters[moved(order, letters.index(letters, row.answer)) + 1] }
  end,
  shots = 5, sampler = "first_n", main = "acc", report = { "acc" },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "knowledge" }, baseline = 0.1,
  reference = "https://arxiv.org/abs/2406.01574", published = "2024-06-03",
}
