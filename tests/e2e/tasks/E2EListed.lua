-- E2EChoice with its options in the prompt.
local names = { "A", "B", "C", "D" }
return choice {
  name = "E2EListed", version = 1, data = file "data/choice.jsonl" {},
  doc = function(row)
    local lines = map({ 1, 2, 3, 4 }, function(i) return letters[i] .. ". " .. row.options[i] .. "\n" end)
    return { query = row.q .. "\n" .. join(lines) .. "Answer:", choices = names, gold = row.answer }
  end,
  reorder = function(row, order)
    return { options = permuted(row.options, order), answer = moved(order, row.answer) }
  end,
  main = "acc", report = { "acc" }, baseline = 0.25, licence = "CC0-1.0",
}
