-- variants: Arxiv Biorxiv Medrxiv
-- Clusters of titles alone ("sentence to sentence"), by the first protocol: each row is a set of texts of its own.
local mteb = include "lib/mteb.lua"

local sets = {
  Arxiv = { "f910caf1a6075f7329cdf8c1a6135696f37dbd53", about = "arxiv",
    prompt = "Identify the main and secondary category of Arxiv papers based on the titles" },
  Biorxiv = { "258694dd0231531bc1fd9de6ceb52a0853c6d908", about = "biorxiv",
    prompt = "Identify the main category of Biorxiv papers based on the titles" },
  Medrxiv = { "35191c8c0dca72d8ff3efcd72aa802307d469663", about = "medrxiv",
    prompt = "Identify the main category of Medrxiv papers based on the titles" },
}
local own = sets[variant]

return clustering(mteb.clusters(own.about, {
  name = variant .. "ClusteringS2S", version = 1, version_of_protocol = 1,
  data = mteb.data(own.about .. "-clustering-s2s", { revision = own[1] }), prompt = own.prompt,
}))
