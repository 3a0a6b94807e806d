-- The first Open LLM Leaderboard without GSM8K, which is answered in words: each task with the leaderboard's number of
-- examples, and the plain mean. The tasks are those that run alone: the harness's group "openllm" draws one example
-- less for HellaSwag and WinoGrande, because it names their training split for it.
return suite {
  name = "open_llm_leaderboard_v1", version = 1, title = "Open LLM Leaderboard 1, multiple choice",
  description = "ARC, HellaSwag, MMLU, TruthfulQA and WinoGrande with the leaderboard's examples.",
  tasks = { "arc_challenge", "hellaswag", "open_llm_leaderboard_v1_mmlu", "truthfulqa_mc2", "winogrande" },
  shots = { arc_challenge = 25, hellaswag = 10, open_llm_leaderboard_v1_mmlu = 5, winogrande = 5 },
  mean = "task", languages = { "eng-Latn" },
}
