-- MMLU over all its questions: the 57 subjects, weighted by their size, as the harness's group of that name.
return suite {
  name = "mmlu", version = 2, title = "MMLU",
  description = "Multiple-choice questions of 57 school and university subjects.",
  tasks = { "mmlu_stem", "mmlu_other", "mmlu_social_sciences", "mmlu_humanities" },
  mean = "size", licence = "MIT", languages = { "eng-Latn" },
}
