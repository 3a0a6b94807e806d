-- BIG-Bench Hard without examples, as the harness's group: 27 subtasks, weighted by size.
return suite {
  name = "bbh_zeroshot", version = 3, title = "BIG-Bench Hard, no examples",
  tasks = { "bbh_zeroshot_*" }, mean = "size", licence = "MIT", languages = { "eng-Latn" },
}
