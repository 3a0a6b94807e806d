-- Reading that takes counting, sorting and reckoning (Dua et al. 2019). An answer is a number, a date, or one or several
-- parts of the passage; several annotators' answers are all right.
local function parsed(answer)
  if answer.number ~= "" then return { answer.number } end
  if #answer.spans > 0 then return answer.spans end
  return { trim(join({ answer.date.day, answer.date.month, answer.date.year }, " ")) }
end

local function answers(row)
  local v, out, seen = row.validated_answers, {}, {}
  local candidates = { row.answer }
  for i = 1, #v.number do candidates[i + 1] = { number = v.number[i], date = v.date[i], spans = v.spans[i] } end
  for _, candidate in ipairs(candidates) do
    local answer = parsed(candidate)
    local key = json.encode(answer)
    if not seen[key] then out[#out + 1], seen[key] = answer, true end
  end
  return out
end

return generate {
  name = "drop", version = 3,
  data = hub "EleutherAI/drop" {
    revision = "619386fc7ffe6dace3cc6d3483c69b164ebf6bf3", test = "validation", shots = "train" },
  doc = function(row) return { query = row.passage .. " " .. row.question, gold = answers(row) } end,
  delimiter = "", stop = { "." }, main = "f1", report = { "em", "f1" },
  licence = "cc-by-sa-4.0", languages = { "eng-Latn" }, domains = { "reading" },
  reference = "https://arxiv.org/abs/1903.00161", published = "2019-03-01",
}
