-- The multiple-choice part of the second Open LLM Leaderboard: the plain mean of four scores, each with chance at 0 and
-- perfect at 1. (The leaderboard's own mean has MATH and IFEval besides, which are answers in words.)
return suite {
  name = "open_llm_leaderboard_v2", version = 1, title = "Open LLM Leaderboard 2, multiple choice",
  description = "BIG-Bench Hard, GPQA, MuSR and MMLU-Pro, with chance at 0.",
  tasks = { "open_llm_leaderboard_v2_bbh", "leaderboard_gpqa", "open_llm_leaderboard_v2_musr", "leaderboard_mmlu_pro" },
  mean = "normalised", languages = { "eng-Latn" },
}
