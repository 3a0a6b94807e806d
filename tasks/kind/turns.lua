-- What is said before a question, as turns of a conversation: {role, text, what stands after it where no chat template
-- parts turns}. Without a template they are one text.

local turns = {}

-- An example is a turn of the user's and one of the assistant's.
function turns.shot(task, question, answer)
    return { { "user", question, task.delimiter or " " }, { "assistant", answer, task.shot_delimiter or "\n\n" } }
end

-- An example without an answer is the question alone, as the harness has it.
function turns.unanswered(question)
    return { { "user", question, "" } }
end

-- What io.with_shots makes of its list of examples.
function turns.gather(examples)
    local out = {}
    for _, example in ipairs(examples) do
        for _, turn in ipairs(example) do out[#out + 1] = turn end
    end
    return out
end

-- The description is the system's turn.
function turns.begin(description, examples)
    local out = {}
    if description ~= "" then out[1] = { "system", description, "" } end
    return table.move(examples, 1, #examples, #out + 1, out)
end

return turns
