-- Which of four made-up answers? For a random model: chance.
return choice {
  name = "E2EChoice", version = 1,
  data = file "data/choice.jsonl" { shots = "data/choice_shots.jsonl" },
  doc = function(row) return { query = row.q, choices = row.options, gold = row.answer } end,
  shots = 2, main = "acc_norm", report = { "acc", "acc_norm" }, baseline = 0.25, licence = "CC0-1.0",
}
