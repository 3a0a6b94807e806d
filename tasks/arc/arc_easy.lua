-- ARC, the easy set: grade-school science questions (Clark et al. 2018).
return choice(include "lib/arc.lua" { name = "arc_easy", config = "ARC-Easy" })
