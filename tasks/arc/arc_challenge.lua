-- ARC, the challenge set: questions that retrieval and word co-occurrence get wrong (Clark et al. 2018).
return choice(include "lib/arc.lua" { name = "arc_challenge", config = "ARC-Challenge" })
