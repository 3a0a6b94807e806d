return suite { name = "e2e_slow", version = 1, tasks = { "E2ESlow" }, mean = "task", licence = "CC0-1.0" }
