-- MATH with Minerva's examples: seven subjects, weighted by size.
return suite {
  name = "minerva_math", version = 1, title = "MATH, Minerva's prompt", tasks = { "minerva_math_*" }, mean = "size",
  licence = "MIT", languages = { "eng-Latn" },
}
