-- variants: bbh musr
-- What the second Open LLM Leaderboard calls BBH and MuSR: each subtask with chance at 0 and perfect at 1, then the plain
-- mean of them.
local titles = { bbh = "BIG-Bench Hard, normalised", musr = "MuSR, normalised" }

return suite {
  name = "open_llm_leaderboard_v2_" .. variant, version = 1, title = titles[variant],
  tasks = { "leaderboard_" .. variant .. "_*" }, mean = "normalised", languages = { "eng-Latn" },
}
