-- variants: Android English Gaming Gis Mathematica Physics Programmers Stats Tex Unix Webmasters Wordpress
-- Which questions of one Stack Exchange forum were asked before (Hoogeveen et al. 2015). The suite CQADupstackRetrieval is
-- the mean of all twelve.
local mteb = include "lib/mteb.lua"

local forums = {
  Android = { "CQADupstackAndroidRetrieval", "9be4c0e46342e8e3aff577a89b9a1ec9bc6b4af3",
    domains = { "programming", "web", "written", "non-fiction" } },
  English = { "cqadupstack-english", "ad9991cb51e31e31e430383c75ffb2885547b5f0", domains = { "written" } },
  Gaming = { "cqadupstack-gaming", "4885aa143210c98657558c04aaf3dc47cfb54340", domains = { "web", "written" } },
  Gis = { "cqadupstack-gis", "5003b3064772da1887988e05400cf3806fe491f2", domains = { "written", "non-fiction" } },
  Mathematica = { "cqadupstack-mathematica", "90fceea13679c63fe563ded68f3b6f06e50061de",
    domains = { "written", "academic", "non-fiction" } },
  Physics = { "cqadupstack-physics", "79531abbd1fb92d06c6d6315a0cbbbf5bb247ea4",
    domains = { "written", "academic", "non-fiction" } },
  Programmers = { "cqadupstack-programmers", "6184bc1440d2dbc7612be22b50686b8826d22b32",
    domains = { "programming", "written", "non-fiction" } },
  Stats = { "cqadupstack-stats", "65ac3a16b8e91f9cee4c9828cc7c335575432a2a",
    domains = { "written", "academic", "non-fiction" } },
  Tex = { "cqadupstack-tex", "46989137a86843e03a6195de44b09deda022eec7", domains = { "written", "non-fiction" } },
  Unix = { "cqadupstack-unix", "6c6430d3a6d36f8d2a829195bc5dc94d7e063e53",
    domains = { "written", "web", "programming" } },
  Webmasters = { "cqadupstack-webmasters", "160c094312a0e1facb97e55eeddb698c0abe3571", domains = { "written", "web" } },
  Wordpress = { "cqadupstack-wordpress", "4ffe81d471b1924886b33c7567bfb200e9eec5c4",
    domains = { "written", "web", "programming" } },
}
local own = forums[variant]

return retrieval {
  name = "CQADupstack" .. variant .. "Retrieval", version = 1,
  data = mteb.data(own[1], { revision = own[2] }),
  main = "ndcg_at_10", report = mteb.metrics.retrieval,
  licence = "Apache 2.0", languages = { "eng-Latn" }, domains = own.domains,
  reference = "http://nlp.cis.unimelb.edu.au/resources/cqadupstack/",
}
