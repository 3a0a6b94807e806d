-- What people in an everyday scene feel, want or do next (Sap et al. 2019). Labels are "1", "2" and "3".
return choice {
  name = "social_iqa", version = 0,
  data = hub "lighteval/siqa" {
    revision = "54c6a1f8cb6daf4f5abf24a601852612fb35eb25", test = "validation", shots = "train" },
  doc = function(row) return {
    query = "Q: " .. row.context .. " " .. row.question .. "\nA:",
    choices = { row.answerA, row.answerB, row.answerC }, gold = tonumber(row.label) - 1 } end,
  main = "acc", report = { "acc" },
  licence = "CC BY 4.0", languages = { "eng-Latn" }, domains = { "common sense" }, baseline = 1 / 3,
  reference = "https://arxiv.org/abs/1904.09728", published = "2019-04-22",
}
