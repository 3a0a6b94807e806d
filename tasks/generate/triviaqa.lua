-- Trivia questions, asked without the pages that answer them (Joshi et al. 2017); any of the answer's names is right.
return generate {
  name = "triviaqa", version = 3,
  data = hub "mandarjoshi/trivia_qa" {
    revision = "0f7faf33a3908546c6fd5b73a660e0f8ff173c2f", config = "rc.nocontext", test = "validation", shots = "train" },
  doc = function(row) return { query = "Question: " .. row.question .. "?\nAnswer:", gold = row.answer.aliases } end,
  stop = { "\n", ".", "," }, filters = { remove_whitespace = { remove_whitespace, take_first } },
  main = "exact_match", ignore = { case = true, punctuation = true },
  licence = "unknown", languages = { "eng-Latn" }, domains = { "knowledge" },
  reference = "https://arxiv.org/abs/1705.03551", published = "2017-05-09",
}
