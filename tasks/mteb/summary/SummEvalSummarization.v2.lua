-- Summaries of news by machines, rated by people (Fabbri et al. 2021): does the similarity to summaries by people follow
-- the ratings?
return include "lib/summeval.lua"("SummEvalSummarization.v2", 2)
