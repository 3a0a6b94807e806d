-- variants: P2P S2S
-- Papers by field and subfield ("cs.CL" is two levels), scored a level at a time by the second protocol: of all sets'
-- texts 2,048 are drawn, and 4 % of these are embedded.
local mteb = include "lib/mteb.lua"

local revisions = { P2P = "0bbdb47bcbe3a90093699aefeed338a0f28a7ee8", S2S = "b73bd54100e5abfa6e3a23dcafb46fe4d2438dc3" }

return clustering(mteb.clusters("arxiv", {
  name = "ArXivHierarchicalClustering" .. variant, version = 1, version_of_protocol = 2,
  data = mteb.data(variant == "P2P" and "arxiv-clustering-p2p" or "arxiv-clustering-s2s", { revision = revisions[variant] }),
  item = function(row)
    return row.sentences, map(row.labels, function(label) return split(label, ".") end)
  end,
  max_documents = { n = 2048 }, fraction = 0.04,
}))
