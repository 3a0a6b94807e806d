-- The log-likelihood of whole texts. Words and bytes are counted on the original page, while the text that is scored may
-- have been cleaned: so a document says all three.

local function run(task, io)
    for n, row, source in io.documents() do
        local doc = io.call(n, task.doc, row)
        if type(doc) ~= "table" or type(doc.text) ~= "string" then io.fail("doc", n, "'text' must be a string") end
        local words, bytes = doc.words or #split(doc.text), doc.bytes or #doc.text
        if type(words) ~= "number" or type(bytes) ~= "number" or words < 0 or bytes < 1 then
            io.fail("doc", n, "'words' and 'bytes' must be counts")
        end
        io.emit({ choices = { { text = doc.text, continuation = doc.text, context = 0 } }, words = words, bytes = bytes },
            n, row, source)
    end
end

return {
    fields = { doc = "function" },
    required = { "name", "version", "doc", "data" },
    metrics = { "word_perplexity", "byte_perplexity", "bits_per_byte" },
    main = "word_perplexity",
    run = run,
}
