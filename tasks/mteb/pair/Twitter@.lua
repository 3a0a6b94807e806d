-- variants: SemEval2015 URLCorpus
-- Do two tweets say the same: the shared task of SemEval 2015 (Xu et al. 2015), and tweets that link to one address (Lan
-- et al. 2017)?
local mteb = include "lib/mteb.lua"

local sets = {
  SemEval2015 = { "twittersemeval2015-pairclassification", "70970daeab8776df92f5ea462b6173c0b46fd2d1",
    reference = "https://aclanthology.org/S15-2001/", published = "2015-06-04" },
  URLCorpus = { "twitterurlcorpus-pairclassification", "8b6510b0b1fa4e4c4f879467980e9be563ec1cdf",
    reference = "https://languagenet.github.io/", published = "2017-08-01" },
}
local own = sets[variant]

return pair {
  name = "Twitter" .. variant, version = 1,
  data = mteb.data(own[1], { revision = own[2] }),
  pair = mteb.duplicates, prompt = "Retrieve tweets that are semantically similar to the given tweet",
  main = "max_ap", report = mteb.metrics.pair,
  licence = "not specified", languages = { "eng-Latn" }, domains = { "social", "written" },
  reference = own.reference, published = own.published,
}
