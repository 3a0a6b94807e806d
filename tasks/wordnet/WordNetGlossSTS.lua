-- Do glosses of nouns that lie close together in the hierarchy look alike? Gold is path similarity, 1 / (1 + steps).
local wordnet = include "lib/wordnet.lua"

-- Up `steps` times, then down as often as there is a way: near for few steps, far for many.
local function wander(from, steps, random)
  local at = from
  for _ = 1, steps do at = at.parents[1] or at end
  for _ = 1, steps do
    if #at.children == 0 then break end
    at = random:choices(at.children, 1)[1]
  end
  return at
end

local function partner(synset, i, sample, random)
  if i % 4 == 0 then return sample[i % #sample + 1] end
  local other = wander(synset, i % 4, random)
  return other ~= synset and other or synset.parents[1]
end

return sts(wordnet.about {
  name = "WordNetGlossSTS", version = 1,
  data = file(wordnet.path) { format = "lines" },
  documents = function(rows)
    local random = rng(wordnet.seed)
    local sample = wordnet.sample(wordnet.read(rows), random, 2000)
    local docs = {}
    for i, synset in ipairs(sample) do
      local other = partner(synset, i, sample, random)
      if other.definition ~= synset.definition then
        docs[#docs + 1] = { sentence1 = synset.definition, sentence2 = other.definition,
          score = 1 / (1 + wordnet.distance(synset, other)) }
      end
    end
    return docs
  end,
  pair = function(row) return row.sentence1, row.sentence2, row.score end,
  range = { 0, 1 }, main = "cosine_spearman", report = { "cosine_spearman", "cosine_pearson", "euclidean_spearman" },
  limit = 400, baseline = 0,
})
