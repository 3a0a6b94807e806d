-- Which of two sentences is the cause or the effect of the premise (Roemmele et al. 2011). The choices begin with a space
-- of their own before which the delimiter stands: two spaces are scored.
local function lowered(text)
  local second = utf8.offset(text, 2)
  return " " .. lower(text:sub(1, second - 1)) .. text:sub(second)
end

local connectors = { cause = "because", effect = "therefore" }

return choice {
  name = "copa", version = 1,
  data = hub "aps/super_glue" {
    revision = "3de24cf8022e94f4ee4b9d55a6f539891524d646", config = "copa", test = "validation", shots = "train" },
  doc = function(row)
    local premise = trim(row.premise)
    local choices = { lowered(row.choice1), lowered(row.choice2) }
    return { query = premise:sub(1, utf8.offset(premise, -1) - 1) .. " " .. connectors[row.question],
      choices = choices, gold = letters.index(choices, choices[row.label == 0 and 1 or 2]) }
  end,
  main = "acc", report = { "acc" },
  licence = "BSD-2-Clause", languages = { "eng-Latn" }, domains = { "common sense" }, baseline = 0.5,
  reference = "https://people.ict.usc.edu/~gordon/copa.html", published = "2011-03-21",
}
