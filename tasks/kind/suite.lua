-- A suite names tasks and says how their scores are averaged.

local means = { type = true, task = true, borda = true, normalised = true }

return {
    fields = {
        tasks = "strings", mean = "string", shots = "integer", title = "string", description = "string",
        data = false, documents = false, cluster = false, main = false, report = false,
    },
    required = { "name", "tasks" },
    metrics = {},
    check = function(task, problem)
        if task.mean and not means[task.mean] then
            problem("mean", "must be \"type\", \"task\", \"borda\" or \"normalised\"")
        end
        local seen = {}
        for _, name in ipairs(task.tasks) do
            if seen[name] then problem("tasks", ("names '%s' twice"):format(name)) end
            seen[name] = true
        end
    end,
    run = function() end,
}
