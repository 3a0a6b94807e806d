-- The suite of the end-to-end tests: one task of each kind.
return suite {
  name = "e2e", version = 1, title = "End to end", description = "Made-up words, for models that are noise.",
  tasks = { "E2EChoice", "E2EPairs", "E2ELookup" }, mean = "task", licence = "CC0-1.0", languages = { "zxx-Latn" },
}
