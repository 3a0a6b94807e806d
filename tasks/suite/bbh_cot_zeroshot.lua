-- BIG-Bench Hard without examples, as the harness's group: 27 subtasks, weighted by size.
return suite {
  name = "bbh_cot_zeroshot", version = 3, title = "BIG-Bench Hard, chains of thought without examples",
  tasks = { "bbh_cot_zeroshot_*" }, mean = "size", licence = "MIT", languages = { "eng-Latn" },
}
