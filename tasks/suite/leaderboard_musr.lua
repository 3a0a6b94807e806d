-- The three kinds of stories of MuSR, weighted by size, not normalised.
return suite {
  name = "leaderboard_musr", version = 1, title = "MuSR",
  tasks = { "leaderboard_musr_murder_mysteries", "leaderboard_musr_object_placements",
    "leaderboard_musr_team_allocation" },
  mean = "size", licence = "CC BY 4.0", languages = { "eng-Latn" },
}
