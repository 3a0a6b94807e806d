-- variants: 12 13 14 15 16 17 22 22.v2
-- Semantic textual similarity, the shared tasks of SemEval 2012 to 2017 and 2022. Of the two that have many languages,
-- mteb's English benchmarks take English against English. STS22 was cleaned of empty texts for its second version.
local mteb = include "lib/mteb.lua"

local shared = {
  ["12"] = { "sts12-sts", "a0d554a64d88156834ff5ae9920b964011b16384", domains = { "encyclopaedic", "news", "written" },
    reference = "https://aclanthology.org/S12-1051/", published = "2012-06-07" },
  ["13"] = { "sts13-sts", "7e90230a92c190f1bf69ae9002b8cea547a64cca",
    domains = { "web", "news", "non-fiction", "written" }, reference = "https://aclanthology.org/S13-1004/",
    published = "2013-06-13" },
  ["14"] = { "sts14-sts", "6031580fec1f6af667f0bd2da0a551cf4f0b2375", domains = { "blog", "web", "spoken" },
    reference = "https://aclanthology.org/S14-2010/", published = "2014-08-23" },
  ["15"] = { "sts15-sts", "ae752c7c21bf194d8b67fd573edf7ae58183cbe3",
    domains = { "blog", "news", "web", "written", "spoken" }, reference = "https://aclanthology.org/S15-2045/",
    published = "2015-06-04" },
  ["16"] = { "sts16-sts", "4d8694f8f0e0100860b497b999b3dbed754a0513", domains = { "blog", "web", "spoken" },
    reference = "https://aclanthology.org/S16-1081/", published = "2016-06-16" },
  ["17"] = { "sts17-crosslingual-sts", "faeb762787bd10488a50c8b5be4a3b82e411949c", subset = "en-en",
    domains = { "news", "web", "written" }, reference = "https://aclanthology.org/S17-2001/", published = "2017-08-03" },
  ["22"] = { "sts22-crosslingual-sts", "de9d86b3b84231dc21f76c7b7af1f28e2f57f6e3", subset = "en", low = 1, high = 4,
    domains = { "news", "written" }, reference = "https://aclanthology.org/2022.semeval-1.155/",
    published = "2022-07-14" },
  ["22.v2"] = { "sts22-crosslingual-sts", "d31f33a128469b20e357535c39b82fb3c3f6f2bd", subset = "en", low = 1, high = 4,
    domains = { "news", "written" }, reference = "https://aclanthology.org/2022.semeval-1.155/",
    published = "2022-07-14" },
}
local own = shared[variant]

return sts {
  name = "STS" .. variant, version = 1,
  data = mteb.data(own[1], { revision = own[2], subsets = own.subset and { own.subset } }),
  pair = function(row) return row.sentence1, row.sentence2, row.score end,
  range = { own.low or 0, own.high or 5 }, main = "cosine_spearman", report = mteb.metrics.sts,
  licence = "not specified", languages = { "eng-Latn" }, domains = own.domains, baseline = 0,
  reference = own.reference, published = own.published,
}
