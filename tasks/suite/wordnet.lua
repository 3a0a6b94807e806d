-- What a model knows of English nouns: real data that any Debian can install (wordnet-base).
return suite {
  name = "wordnet", version = 1, title = "WordNet",
  description = "English nouns, their definitions and their hierarchy.",
  tasks = { "wordnet_definitions", "WordNetGlossRetrieval", "WordNetGlossSTS" },
  mean = "task", licence = "WordNet 3.0 licence (free use with notice, Princeton University)", languages = { "eng-Latn" },
}
