-- BIG-Bench Hard with chains of thought, as the harness's group: 27 subtasks, weighted by size.
return suite {
  name = "bbh_cot_fewshot", version = 3, title = "BIG-Bench Hard, chains of thought",
  tasks = { "bbh_cot_fewshot_*" }, mean = "size", licence = "MIT", languages = { "eng-Latn" },
}
