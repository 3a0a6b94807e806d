-- Summaries of news by machines, rated by people (Fabbri et al. 2021): does the similarity to summaries by people follow
-- the ratings? By the rule of mteb's first benchmark, which averages each text's correlation together with its p-value.
return include "lib/summeval.lua"("SummEval", 1)
