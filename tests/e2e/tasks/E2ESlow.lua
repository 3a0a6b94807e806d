-- Takes its time over every row, so that there is somebody to be killed in the middle of it.
return choice {
  name = "E2ESlow", version = 1, data = file "data/choice.jsonl" {},
  doc = function(row)
    local x = 0
    for i = 1, 400000 do x = (x * 31 + i) % 65537 end
    return { query = row.q, choices = row.options, gold = (row.answer + x - x) }
  end,
  main = "acc", report = { "acc" }, licence = "CC0-1.0",
}
