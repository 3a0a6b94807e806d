-- Which of five neighbours in a graph of concepts is meant (Talmor et al. 2018).
return choice {
  name = "commonsense_qa", version = 1,
  data = hub "tau/commonsense_qa" {
    revision = "94630fe30dad47192a8546eb75f094926d47e155", test = "validation", shots = "train" },
  doc = function(row)
    local lines = map({ 1, 2, 3, 4, 5 }, function(i) return letters[i] .. ". " .. row.choices.text[i] end)
    return { query = "Question: " .. trim(row.question) .. "\n" .. join(lines, "\n") .. "\nAnswer:",
      choices = { "A", "B", "C", "D", "E" }, gold = letters.index(letters, row.answerKey) }
  end,
  reorder = function(row, order)
    local answer = letters.index(letters, row.answerKey)
    return { choices = { text = permuted(row.choices.text, order) }, answerKey = letters[moved(order, answer) + 1] }
  end,
  main = "acc", report = { "acc" },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "common sense" }, baseline = 0.2,
  reference = "https://arxiv.org/abs/1811.00937", published = "2018-11-02",
}
