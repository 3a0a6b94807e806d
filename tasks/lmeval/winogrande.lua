-- Which of two names the blank stands for (Sakaguchi et al. 2019). Each option makes a context of its own, and what
-- follows the blank is scored after both.
return choice {
  name = "winogrande", version = 1,
  data = hub "allenai/winogrande" {
    revision = "01e74176c63542e6b0bcb004dcdea22d94fb67b5", config = "winogrande_xl", test = "validation",
    shots = "train" },
  doc = function(row)
    local blank = row.sentence:find("_", 1, true)
    local before, after = row.sentence:sub(1, blank - 1), trim(row.sentence:sub(blank + 1))
    return { queries = { before .. row.option1, before .. row.option2 }, choices = { after, after },
      gold = letters.index({ "1", "2" }, row.answer) }
  end,
  main = "acc", report = { "acc" },
  licence = "CC BY 4.0", languages = { "eng-Latn" }, domains = { "common sense" }, baseline = 0.5,
  reference = "https://arxiv.org/abs/1907.10641", published = "2019-07-24",
}
