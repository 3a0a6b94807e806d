-- Reading comprehension from English exams for Chinese pupils, the high school half (Lai et al. 2017). The last question
-- on an article is asked; the earlier ones stand before it with their answers. The harness names no split for shots and
-- has no other than the test split: an example may be the question itself.
-- The data set's revision was not to be had when this was written.
local python = include "lib/python.lua"

local function answer(problem)
  return problem.options[letters.index(letters, problem.answer) + 1]
end

-- A sentence with a blank at its end gets its answer there; a question gets a line of its own.
local function told(problem)
  if problem.question:sub(-6) == "  _  ." then return problem.question:sub(1, -6) .. answer(problem) .. "\n" end
  return "Question: " .. problem.question .. "\nAnswer: " .. answer(problem) .. "\n"
end

return choice {
  name = "race", version = 3,
  data = hub "EleutherAI/race" { config = "high", test = "test", shots = "test" },
  doc = function(row)
    local problems = python(row.problems)
    local last = table.remove(problems)
    return { query = "Article: " .. row.article .. "\n\n" .. join(map(problems, told)) .. last.question,
      choices = { table.unpack(last.options, 1, 4) }, gold = letters.index(letters, last.answer) }
  end,
  extra_shot = false, main = "acc", report = { "acc" },
  licence = "unknown (for research only)", languages = { "eng-Latn" }, domains = { "reading" }, baseline = 0.25,
  reference = "https://arxiv.org/abs/1704.04683", published = "2017-04-15",
}
