-- Twelve forums of Stack Exchange, each counting once: to mteb's benchmarks they are one task.
local forums = { "Android", "English", "Gaming", "Gis", "Mathematica", "Physics", "Programmers", "Stats", "Tex", "Unix",
  "Webmasters", "Wordpress" }

return suite {
  name = "CQADupstackRetrieval", version = 1, title = "CQADupstack",
  tasks = map(forums, function(forum) return "CQADupstack" .. forum .. "Retrieval" end), mean = "task",
  licence = "Apache 2.0", languages = { "eng-Latn" },
}
