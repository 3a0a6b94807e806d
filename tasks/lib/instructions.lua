-- What a row of IFEval tells a text to do: its checkers with the arguments that they have.
return function(row)
  local out = {}
  for i, id in ipairs(row.instruction_id_list) do
    out[i] = { id = id }
    for name, value in pairs(row.kwargs[i]) do out[i][name] = value end
  end
  return out
end
