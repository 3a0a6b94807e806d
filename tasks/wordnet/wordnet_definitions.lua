-- Which definition fits this word? The three wrong ones define the nearest other nouns of the hierarchy: siblings first,
-- then cousins.
local wordnet = include "lib/wordnet.lua"

local function add_near(found, seen, synset, random)
  local near = {}
  for _, parent in ipairs(synset.parents) do
    for _, child in ipairs(parent.children) do
      if not seen[child] and not child.instance then near[#near + 1] = child end
      seen[child] = true
    end
  end
  random:shuffle(near)
  return table.move(near, 1, #near, #found + 1, found)
end

local function distractors(synset, random)
  local found, seen, level = {}, { [synset] = true }, synset
  for _ = 1, 4 do
    add_near(found, seen, level, random)
    level = level.parents[1]
    if #found >= 3 or not level then break end
  end
  return map({ 1, 2, 3 }, function(i) return found[i] and found[i].definition end)
end

return choice(wordnet.about {
  name = "wordnet_definitions", version = 1,
  data = file(wordnet.path) { format = "lines" },
  documents = function(rows)
    local random = rng(wordnet.seed)
    local docs = {}
    for _, synset in ipairs(wordnet.sample(wordnet.read(rows), random, 1200)) do
      local choices = distractors(synset, random)
      local gold = math.floor(random:random() * 4)
      table.insert(choices, gold + 1, synset.definition)
      if #choices == 4 then docs[#docs + 1] = { word = synset.words[1], choices = choices, gold = gold } end
    end
    return docs
  end,
  doc = function(row) return {
    query = format('Dictionary.\n\n%s (noun):', row.word), choices = row.choices, gold = row.gold } end,
  main = "acc_norm", report = { "acc", "acc_norm" }, limit = 200, baseline = 0.25,
})
