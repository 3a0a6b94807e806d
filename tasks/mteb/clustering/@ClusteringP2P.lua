-- variants: Arxiv Biorxiv Medrxiv Reddit StackExchange
-- Clusters of titles with what follows them ("paragraph to paragraph"), by the first protocol: each row is a set of texts
-- of its own.
local mteb = include "lib/mteb.lua"

local sets = {
  Arxiv = { "a122ad7f3f0291bf49cc6f4d32aa80929df69d5d", about = "arxiv",
    prompt = "Identify the main and secondary category of Arxiv papers based on the titles and abstracts" },
  Biorxiv = { "65b79d1d13f80053f67aca9498d9402c2d9f1f40", about = "biorxiv",
    prompt = "Identify the main category of Biorxiv papers based on the titles and abstracts" },
  Medrxiv = { "e7a26af6f3ae46b30dde8737f02c07b1505bcc73", about = "medrxiv",
    prompt = "Identify the main category of Medrxiv papers based on the titles and abstracts" },
  Reddit = { "385e3cb46b4cfa89021f56c4380204149d0efe33", about = "reddit",
    prompt = "Identify the topic or theme of Reddit posts based on the titles and posts" },
  StackExchange = { "815ca46b2622cec33ccafc3735d572c266efdb44", about = "stackexchange",
    prompt = "Identify the topic or theme of StackExchange posts based on the given paragraphs" },
}
local own = sets[variant]

return clustering(mteb.clusters(own.about, {
  name = variant .. "ClusteringP2P", version = 1, version_of_protocol = 1,
  data = mteb.data(own.about .. "-clustering-p2p", { revision = own[1] }), prompt = own.prompt,
}))
