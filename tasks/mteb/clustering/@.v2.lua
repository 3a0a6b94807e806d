-- variants: BiorxivClusteringP2P MedrxivClusteringP2P MedrxivClusteringS2S StackExchangeClustering StackExchangeClusteringP2P TwentyNewsgroupsClustering
-- The second protocol: sets are taken apart, 4 % of all texts drawn, and clustered ten times from samples of these.
-- StackExchange's titles are instead cut to 2,048 in proportion to their labels; of its paragraphs a label with a single
-- text is left out.
local mteb = include "lib/mteb.lua"

local sets = {
  BiorxivClusteringP2P = { "biorxiv-clustering-p2p", "f5dbc242e11dd8e24def4c4268607a49e02946dc", about = "biorxiv",
    prompt = "Identify the main category of Biorxiv papers based on the titles and abstracts" },
  MedrxivClusteringP2P = { "medrxiv-clustering-p2p", "e7a26af6f3ae46b30dde8737f02c07b1505bcc73", about = "medrxiv",
    prompt = "Identify the main category of Medrxiv papers based on the titles and abstracts" },
  MedrxivClusteringS2S = { "medrxiv-clustering-s2s", "35191c8c0dca72d8ff3efcd72aa802307d469663", about = "medrxiv",
    prompt = "Identify the main category of Medrxiv papers based on the titles" },
  StackExchangeClustering = { "stackexchange-clustering", "6cbc1f7b2bc0622f2e39d2c77fa502909748c259",
    about = "stackexchange", prompt = "Identify the topic or theme of StackExchange posts based on the titles",
    sample = { n = 2048, stratified = true } },
  StackExchangeClusteringP2P = { "stackexchange-clustering-p2p", "815ca46b2622cec33ccafc3735d572c266efdb44",
    about = "stackexchange", prompt = "Identify the topic or theme of StackExchange posts based on the given paragraphs",
    min_per_label = 2 },
  TwentyNewsgroupsClustering = { "twentynewsgroups-clustering", "6125ec4e24fa026cec8a478383ee943acfbd5449",
    about = "twentynewsgroups", prompt = "Identify the topic or theme of the given news articles" },
}
local own = sets[variant]

return clustering(mteb.clusters(own.about, {
  name = variant .. ".v2", version = 1, version_of_protocol = 2,
  data = mteb.data(own[1], { revision = own[2] }), prompt = own.prompt,
  max_documents = own.sample, fraction = not own.sample and 0.04, min_per_label = own.min_per_label,
}))
