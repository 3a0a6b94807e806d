-- The three sets of GPQA, of which each holds the smaller ones, weighted by size. In a run of the harness's group the
-- shuffles of one set go on where those of the set before ended; here each is a run of its own.
return suite {
  name = "leaderboard_gpqa", version = 1, title = "GPQA",
  tasks = { "leaderboard_gpqa_diamond", "leaderboard_gpqa_extended", "leaderboard_gpqa_main" },
  mean = "size", baseline = 0.25, licence = "CC BY 4.0", languages = { "eng-Latn" },
}
