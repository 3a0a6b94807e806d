-- BIG-Bench Hard as the harness's group has it: 24 subtasks, weighted by size, not normalised.
return suite {
  name = "leaderboard_bbh", version = 1, title = "BIG-Bench Hard",
  tasks = { "leaderboard_bbh_*" }, mean = "size", licence = "MIT", languages = { "eng-Latn" },
}
