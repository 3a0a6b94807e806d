-- variants: abstract_algebra anatomy astronomy business_ethics clinical_knowledge college_biology college_chemistry college_computer_science college_mathematics college_medicine college_physics computer_security conceptual_physics econometrics electrical_engineering elementary_mathematics formal_logic global_facts high_school_biology high_school_chemistry high_school_computer_science high_school_european_history high_school_geography high_school_government_and_politics high_school_macroeconomics high_school_mathematics high_school_microeconomics high_school_physics high_school_psychology high_school_statistics high_school_us_history high_school_world_history human_aging human_sexuality international_law jurisprudence logical_fallacies machine_learning management marketing medical_genetics miscellaneous moral_disputes moral_scenarios nutrition philosophy prehistory professional_accounting professional_law professional_medicine professional_psychology public_relations security_studies sociology us_foreign_policy virology world_religions
-- Massive multitask language understanding, one subject (Hendrycks et al. 2021). "variant" is the subject.
local wordings = include "lib/wordings.lua"

local function listed(row)
  local lines = map({ 1, 2, 3, 4 }, function(i) return letters[i] .. ". " .. row.choices[i] end)
  return trim(row.question) .. "\n" .. join(lines, "\n")
end

local function doc(row)
  return { query = listed(row) .. "\nAnswer:", choices = { "A", "B", "C", "D" }, gold = row.answer }
end

return choice {
  name = "mmlu_" .. variant, version = 1,
  data = hub "cais/mmlu" {
    revision = "c30699e8356da336a370243923dbaf21066bb9fe", config = variant, test = "test", shots = "dev" },
  doc = doc, wordings = wordings(doc, listed),
  reorder = function(row, order)
    return { choices = permuted(row.choices, order), answer = moved(order, row.answer) }
  end,
  description = "The following are multiple choice questions (with answers) about " .. replace(variant, "_", " ") .. ".\n\n",
  sampler = "first_n", main = "acc", report = { "acc" },
  licence = "MIT", languages = { "eng-Latn" }, domains = { "knowledge" }, baseline = 0.25,
  reference = "https://arxiv.org/abs/2009.03300", published = "2020-09-07",
}
