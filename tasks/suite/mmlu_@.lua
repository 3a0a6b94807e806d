-- variants: stem other social_sciences humanities
-- One of the four fields of MMLU, weighted by size.
local fields = include "lib/mmlu.lua"

return suite {
  name = "mmlu_" .. variant, version = 2, title = "MMLU, " .. replace(variant, "_", " "),
  tasks = map(fields[variant], function(subject) return "mmlu_" .. subject end),
  mean = "size", licence = "MIT", languages = { "eng-Latn" },
}
