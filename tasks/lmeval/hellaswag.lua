-- Which ending goes on from here: everyday scenes and how-to texts (Zellers et al. 2019).
local function clean(text)
  text = replace(trim(text), " [title]", ". ")
  return replace(gsub(text, "%[[^\n]-%]", ""), "  ", " ")
end

return choice {
  name = "hellaswag", version = 1,
  data = hub "Rowan/hellaswag" {
    revision = "218ec52e09a7e7462a5400043bb9a69a41d06b76", test = "validation", shots = "train" },
  doc = function(row) return {
    query = clean(row.activity_label .. ": " .. row.ctx_a .. " " .. capitalize(row.ctx_b)),
    choices = map(row.endings, clean), gold = row.label } end,
  main = "acc_norm", report = { "acc", "acc_norm" },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "common sense" }, baseline = 0.25,
  reference = "https://arxiv.org/abs/1905.07830", published = "2019-05-19",
}
