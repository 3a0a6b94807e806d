-- Questions that people asked a search engine, with short answers (Kwiatkowski et al. 2019; Lee et al. 2019).
return generate {
  name = "nq_open", version = 4,
  data = hub "google-research-datasets/nq_open" {
    revision = "5dd9790a83002ad084ddeb7c420dc716852c6f28", test = "validation", shots = "train" },
  doc = function(row) return { query = "Q: " .. row.question .. "?\nA:", gold = row.answer } end,
  description = "Answer these questions:\n\n", shot_delimiter = "\n",
  stop = { "\n", ".", "," }, filters = { remove_whitespace = { remove_whitespace, take_first } },
  main = "exact_match",
  ignore = { case = true, punctuation = true, regexes = { [[\b(?:The |the |An |A |The |a |an )]] } },
  licence = "cc-by-sa-3.0", languages = { "eng-Latn" }, domains = { "knowledge" },
  reference = "https://arxiv.org/abs/1906.00300", published = "2019-06-01",
}
