-- MMLU-Pro over all its questions, as the harness's group: 14 subjects, weighted by size.
return suite {
  name = "mmlu_pro", version = 2, title = "MMLU-Pro",
  tasks = { "mmlu_pro_*" }, mean = "size", licence = "MIT", languages = { "eng-Latn" },
}
