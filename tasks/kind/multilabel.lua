-- Classification where a text has any number of labels: its nearest neighbours among a few examples vote on each label,
-- ten times, as mteb's evaluator has it. Each experiment shuffles the training rows anew by one numpy generator
-- (default_rng(42)) that goes on through experiments and subsets, and takes rows while one of their labels has fewer than
-- `samples_per_label`. Of a longer test set 3 000 texts are scored, chosen by iterative stratification over the labels.
--   item = function(row) return text, labels end
--   train = "train", samples_per_label = 8, experiments = 10, neighbours = 5
--   splits, max_documents: as in classification.lua; { n = 3000, stratified = true }

local function run(task, io)
    local labelled = io.labelled
    io.stream.generator = io.stream.generator or io.draw.generator(42)
    local labels = labelled.labels_of(task, io, task.train or "train", labelled.labels)
    labelled.send_examples(task, io, labelled.labels,
        io.draw.example_sets(labels, task.samples_per_label or 8, task.experiments or 10, io.stream.generator))
    labelled.send_documents(task, io, labelled.labels, { n = 3000, stratified = true })
end

return {
    labelled = true,
    fields = {
        item = "function", train = "string", samples_per_label = "integer", experiments = "integer",
        neighbours = "integer", splits = "strings", max_documents = "table", prompt = "texts",
    },
    required = { "name", "version", "item" },
    metrics = { "accuracy", "f1", "lrap", "hamming" },
    main = "accuracy",
    run = run,
}
