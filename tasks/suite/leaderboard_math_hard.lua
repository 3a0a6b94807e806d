-- The hardest problems of MATH: seven subjects, weighted by size.
return suite {
  name = "leaderboard_math_hard", version = 1, title = "MATH, level 5", tasks = { "leaderboard_math_*_hard" }, mean = "size",
  licence = "MIT", languages = { "eng-Latn" },
}
