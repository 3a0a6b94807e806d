-- MMLU as the first Open LLM Leaderboard averaged it: every subject counts alike, however many questions it has.
local fields, subjects = include "lib/mmlu.lua", {}
for _, field in ipairs { "stem", "other", "social_sciences", "humanities" } do
  for _, subject in ipairs(fields[field]) do subjects[#subjects + 1] = "mmlu_" .. subject end
end

return suite {
  name = "open_llm_leaderboard_v1_mmlu", version = 1, title = "MMLU, mean of subjects",
  tasks = subjects, mean = "task", licence = "MIT", languages = { "eng-Latn" },
}
