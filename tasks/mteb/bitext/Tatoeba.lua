-- Tatoeba: up to a thousand sentences of each of 112 languages with their English translations (Artetxe and Schwenk 2019).
local languages =
  "afr amh ang ara arq arz ast awa aze bel ben ber bos bre bul cat cbk ceb ces cha cmn cor csb cym dan deu dsb " ..
  "dtp ell epo est eus fao fin fra fry gla gle glg gsw heb hin hrv hsb hun hye ido ile ina ind isl ita jav jpn " ..
  "kab kat kaz khm kor kur kzj lat lfn lit lvs mal mar max mhr mkd mon nds nld nno nob nov oci orv pam pes pms " ..
  "pol por ron rus slk slv spa sqi srp swe swg swh tam tat tel tgl tha tuk tur tzl uig ukr urd uzb vie war wuu " ..
  "xho yid yue zsm"

return bitext {
  name = "Tatoeba", version = 1,
  data = hub "mteb/tatoeba-bitext-mining" { revision = "69e8f12da6e31d59addadda9a9c8a2e601a0e282", test = "test",
    subsets = map(split(languages, " "), function(language) return language .. "-eng" end) },
  subset = function(row) return row.lang end,
  pair = function(row) return row.sentence1, row.sentence2 end,
  main = "f1", report = { "f1", "accuracy", "precision", "recall" },
  licence = "CC BY 2.0", languages = { "eng-Latn" }, domains = { "written" }, baseline = 0.001,
  reference = "https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1", published = "2018-12-26",
}
