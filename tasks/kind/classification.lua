-- Classification: logistic regressions that learn from a few examples of each label, ten times, as mteb's evaluator has
-- it. In each experiment a fresh numpy RandomState(42) shuffles the same list of training rows, so that the shuffles
-- compose, and the first `samples_per_label` rows of each label are taken. Only examples that some experiment takes are
-- embedded.
--   item = function(row) return text, label end
--   train = "train", samples_per_label = 8, experiments = 10
--   splits = { "train", "validation", "test" }: scored on each of these, in place of the test split
--   max_documents = { n = 2048, stratified = true, seed = 42 }: see labelled.lua

local function run(task, io)
    local labelled = io.labelled
    local labels = labelled.labels_of(task, io, task.train or "train", labelled.label)
    labelled.send_examples(task, io, labelled.label,
        io.draw.examples(labels, task.samples_per_label or 8, task.experiments or 10))
    labelled.send_documents(task, io, labelled.label)
end

return {
    labelled = true,
    fields = {
        item = "function", train = "string", samples_per_label = "integer", experiments = "integer", splits = "strings",
        max_documents = "table", prompt = "texts",
    },
    required = { "name", "version", "item" },
    metrics = {
        "accuracy", "f1", "f1_weighted", "precision", "precision_weighted", "recall", "recall_weighted", "ap",
        "ap_weighted",
    },
    main = "accuracy",
    run = run,
}
