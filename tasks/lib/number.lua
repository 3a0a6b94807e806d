-- The answer of a word problem as lm-evaluation-harness takes it from a text: the last number in it, and what of a number
-- doesn't count.
return {
  flexible = function() return { regex([[(-?[$0-9.,]{2,})|(-?[0-9]+)]], -1), take_first } end,
  ignore = { case = true, punctuation = false, regexes = { ",", [[\$]], "(?s).*#### ", [[\.$]] } },
}
