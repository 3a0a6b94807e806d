-- The last word of a passage that takes the whole of it to guess (Paperno et al. 2016, OpenAI's text).
return loglikelihood {
  name = "lambada_openai", version = 1,
  data = hub "EleutherAI/lambada_openai" { config = "default", test = "test" },
  doc = function(row)
    local words = split(row.text, " ")
    local last = table.remove(words)
    return { context = join(words, " "), target = " " .. last }
  end,
  main = "acc", report = { "perplexity", "acc" },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "fiction" }, baseline = 0,
  reference = "https://arxiv.org/abs/1606.06031", published = "2016-06-20",
}
