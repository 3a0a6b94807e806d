-- Other words around a question and its answer, for the spread of a score (--spread-over wording): the documents of
-- `doc` with another query. question(row) gives the question, and what stands before it as it is.
local frames = {
  { "Q: ", "\nA:" },
  { "", "\nThe answer is:" },
  { "Here is a question: ", "\nHere is the right answer:" },
}

return function(doc, question)
  return map(frames, function(frame)
    return function(row)
      local out = doc(row)
      local asked, before = question(row)
      out.query = (before or "") .. frame[1] .. asked .. frame[2]
      return out
    end
  end)
end
