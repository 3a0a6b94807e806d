-- WordNet's nouns (data.noun of wordnet-base, format: man 5 wndb) as a graph of synsets, and what its tasks share.
--
-- A synset: { id, words, definition, parents, children, instance }. Documents come in one seeded permutation, so that the
-- first n are a fair sample of the whole and a larger limit only adds to a smaller one.

local wordnet = { path = "/usr/share/wordnet/data.noun", seed = 1989 }

-- "…; "it was full of rackets"" -> the definition without its examples.
local function definition_of(gloss)
  local at = gloss:find('; "', 1, true) or gloss:find(': "', 1, true)
  return trim(at and gloss:sub(1, at - 1) or gloss)
end

local function words_of(text, count)
  local words = {}
  for word in text:gmatch("(%S+) %x ") do
    if #words == count then break end
    words[#words + 1] = gsub(gsub(word, "%(%l+%)$", ""), "_", " ")
  end
  return words
end

local function parse(line)
  local id, count, rest = line:match("^(%d+) %d%d n (%x%x) (.*)$")
  if not id then return nil end -- the licence at the top of the file
  local bar = rest:find(" | ", 1, true)
  local synset = { id = id, parents = {}, children = {}, definition = definition_of(rest:sub(bar + 3)) }
  synset.words = words_of(rest:sub(1, bar), tonumber(count, 16))
  for kind, parent in rest:sub(1, bar):gmatch("(@i?) (%d+) n") do
    synset.parents[#synset.parents + 1] = parent
    synset.instance = synset.instance or kind == "@i"
  end
  return synset
end

-- All synsets, in the file's order; parents and children are synsets themselves.
function wordnet.read(rows)
  local all, by_id = {}, {}
  for row in rows do
    local synset = parse(row.line)
    if synset then
      all[#all + 1] = synset
      by_id[synset.id] = synset
    end
  end
  for i = 1, #all do
    local synset = all[i]
    synset.parents = map(synset.parents, function(id) return by_id[id] end)
    for _, parent in ipairs(synset.parents) do parent.children[#parent.children + 1] = synset end
  end
  return all
end

-- Worth asking about: a common noun whose definition has some words, and not the word itself among them.
function wordnet.askable(synset)
  local definition = " " .. synset.definition:lower() .. " "
  if synset.instance or #synset.parents == 0 or #split(definition) < 5 then return false end
  for _, word in ipairs(synset.words) do
    if word:find("%u") or #word < 3 or definition:find(word, 1, true) then return false end
  end
  return true
end

-- The askable ones, shuffled; of those that share a word only the first stays, so that a word means one thing.
function wordnet.sample(all, random, n)
  local candidates, taken, out = {}, {}, {}
  for i = 1, #all do
    if #all[i].parents > 0 and not all[i].instance then candidates[#candidates + 1] = all[i] end
  end
  random:shuffle(candidates)
  for i = 1, #candidates do
    local synset, free = candidates[i], true
    for _, word in ipairs(synset.words) do free = free and not taken[word] end
    if free and wordnet.askable(synset) then
      for _, word in ipairs(synset.words) do taken[word] = true end
      out[#out + 1] = synset
    end
    if #out == n then break end
  end
  return out
end

local function depths(synset)
  local depth, queue, at = { [synset] = 0 }, { synset }, 1
  while queue[at] do
    for _, parent in ipairs(queue[at].parents) do
      if not depth[parent] then
        depth[parent] = depth[queue[at]] + 1
        queue[#queue + 1] = parent
      end
    end
    at = at + 1
  end
  return depth, queue
end

-- Steps of the shortest way from a to b over what they are kinds of.
function wordnet.distance(a, b)
  local up = depths(a)
  local other, queue = depths(b)
  local best
  for _, synset in ipairs(queue) do
    if up[synset] and (not best or up[synset] + other[synset] < best) then best = up[synset] + other[synset] end
  end
  return best or 40
end

-- What every task of the suite says of itself.
function wordnet.about(task)
  task.licence = "WordNet 3.0 licence (free use with notice, Princeton University)"
  task.languages = { "eng-Latn" }
  task.domains = { "dictionary" }
  task.reference = "https://wordnet.princeton.edu/"
  task.published = "2006-12-01"
  task.publish_samples = true
  return task
end

return wordnet
