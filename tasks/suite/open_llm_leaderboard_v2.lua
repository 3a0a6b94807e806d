-- The second Open LLM Leaderboard: the plain mean of six scores, each with chance at 0 and perfect at 1. MATH is measured as
-- the board did at first (exact_match_original); IFEval needs what script/languages fetches.
return suite {
  name = "open_llm_leaderboard_v2", version = 2, title = "Open LLM Leaderboard 2",
  description = "IFEval, BIG-Bench Hard, MATH level 5, GPQA, MuSR and MMLU-Pro, with chance at 0.",
  tasks = { "leaderboard_ifeval", "open_llm_leaderboard_v2_bbh", "leaderboard_math_hard", "leaderboard_gpqa",
    "open_llm_leaderboard_v2_musr", "leaderboard_mmlu_pro" },
  mean = "normalised", languages = { "eng-Latn" },
}
