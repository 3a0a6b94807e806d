-- MATH as the harness's group has it: seven subjects, weighted by size.
return suite {
  name = "hendrycks_math", version = 1, title = "MATH", tasks = { "hendrycks_math_*" }, mean = "size", licence = "MIT",
  languages = { "eng-Latn" },
}
