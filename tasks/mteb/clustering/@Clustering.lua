-- variants: Reddit StackExchange TwentyNewsgroups
-- Clusters of titles and of news, by the first protocol: each row is a set of texts of its own.
local mteb = include "lib/mteb.lua"

local sets = {
  Reddit = { "24640382cdbf8abc73003fb0fa6d111a705499eb", about = "reddit",
    prompt = "Identify the topic or theme of Reddit posts based on the titles" },
  StackExchange = { "6cbc1f7b2bc0622f2e39d2c77fa502909748c259", about = "stackexchange",
    prompt = "Identify the topic or theme of StackExchange posts based on the titles" },
  TwentyNewsgroups = { "6125ec4e24fa026cec8a478383ee943acfbd5449", about = "twentynewsgroups",
    prompt = "Identify the topic or theme of the given news articles" },
}
local own = sets[variant]

return clustering(mteb.clusters(own.about, {
  name = variant .. "Clustering", version = 1, version_of_protocol = 1,
  data = mteb.data(own.about .. "-clustering", { revision = own[1] }), prompt = own.prompt,
}))
