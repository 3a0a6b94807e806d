-- A suite names tasks, or other suites, and says how their scores are averaged:
--   task        the plain mean, each member counting once (a suite among them with its own mean)
--   size        weighted by the number of documents, over all tasks within, as lm-evaluation-harness does with its groups
--   normalised  the plain mean of scores with chance at 0 and perfect at 1; chance is a task's `baseline`
--   type, borda  mteb's
-- `shots` is the number for all its tasks, or for some by name: { hellaswag = 10, mmlu = 5 }.

local means = { type = true, task = true, size = true, borda = true, normalised = true }

local function check_shots(shots, problem)
    if type(shots) ~= "table" then shots = { shots } end
    for name, n in pairs(shots) do
        if math.type(n) ~= "integer" or n < 0 then
            problem("shots", ("must be a number that is not negative%s"):format(
                type(name) == "string" and " for '" .. name .. "'" or ""))
        end
    end
end

return {
    fields = {
        tasks = "strings", mean = "string", shots = "integer|table", title = "string", description = "string",
        data = false, documents = false, cluster = false, main = false, report = false,
    },
    required = { "name", "tasks" },
    metrics = {},
    check = function(task, problem)
        if task.mean and not means[task.mean] then
            problem("mean", "must be \"task\", \"size\", \"normalised\", \"type\" or \"borda\"")
        end
        if task.shots ~= nil then check_shots(task.shots, problem) end
        local seen = {}
        for _, name in ipairs(task.tasks) do
            if seen[name] then problem("tasks", ("names '%s' twice"):format(name)) end
            seen[name] = true
        end
    end,
    run = function() end,
}
