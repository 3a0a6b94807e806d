-- variants: openai standard
-- The last word of a passage that takes the whole of it to guess (Paperno et al. 2016). openai: the text as GPT-2 was
-- given it, with capitals and quotes; standard: as published, in lower case and tokenised.
-- The revision of "standard" was not to be had when this was written.
local sets = {
  openai = { repo = "EleutherAI/lambada_openai", licence = "MIT", data = {
    revision = "900124bf3b8235c6daf21033af9948b3f07346c4", config = "default", test = "test", shots = "test" } },
  standard = { repo = "cimec/lambada", licence = "CC BY 4.0", data = { test = "test", shots = "validation" } },
}
local set = sets[variant]

return loglikelihood {
  name = "lambada_" .. variant, version = 1,
  data = hub(set.repo)(set.data),
  doc = function(row)
    local words = split(row.text, " ")
    local last = table.remove(words)
    return { context = join(words, " "), target = " " .. last }
  end,
  extra_shot = false, main = "acc", report = { "perplexity", "acc" },
  licence = set.licence, languages = { "eng-Latn" }, domains = { "fiction" }, baseline = 0,
  reference = "https://arxiv.org/abs/1606.06031", published = "2016-06-20",
}
