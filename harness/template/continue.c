#include "harness/template/continue.h"

#include <string.h>

#include "harness/template/value.h"

#define MARK "CONTINUE_FINAL_MESSAGE_TAG"

/* Reasoning is there under several names with one text: whichever the template reads is marked. */
static const char *const reasoning[] = { "reasoning_content", "thinking", "reasoning" };
#define N_REASONING (sizeof reasoning / sizeof *reasoning)

static bool is_reasoning(const char *field) {
    for (size_t i = 0; i < N_REASONING; i++)
        if (strcmp(field, reasoning[i]) == 0)
            return true;
    return false;
}

static void mark(json_t *object, const char *field) {
    const json_t *text = json_object_get(object, field);
    json_object_set_new(object, field,
        json_sprintf("%.*s" MARK " ", (int)json_string_length(text), json_string_value(text)));
}

/* The last block of a message that has a text. */
static json_t *last_text(json_t *blocks) {
    for (size_t i = json_array_size(blocks); i > 0; i--)
        if (json_is_string(json_object_get(json_array_get(blocks, i - 1), "text")))
            return json_array_get(blocks, i - 1);
    return NULL;
}

static void keep(struct strbuf *out, const json_t *text) {
    strbuf_add(out, json_string_value(text), json_string_length(text));
}

/* Marks every field with this text that the template may read; false if it reads none. */
static bool mark_fields(
    json_t *message, const char *field, const char *source, struct strbuf *final) {
    json_t *text = json_incref(json_object_get(message, field));
    bool used = strstr(source, field) != NULL;
    keep(final, text);
    for (size_t i = 0; is_reasoning(field) && i < N_REASONING; i++) {
        if (strcmp(reasoning[i], field) == 0 ||
            !json_equal(json_object_get(message, reasoning[i]), text))
            continue;
        used = used || strstr(source, reasoning[i]);
        mark(message, reasoning[i]);
    }
    mark(message, field);
    json_decref(text);
    return used;
}

bool continue_mark(json_t *messages, const json_t *asked, const char *source, struct strbuf *out,
    struct err *err) {
    const char *field = json_is_string(asked) ? json_string_value(asked) : "content";
    json_t *message = json_array_get(messages, json_array_size(messages) - 1),
           *text = json_object_get(message, field), *block = last_text(text);
    if (!text || json_is_null(text))
        return err_set(err, ERR_INPUT, "the last message has no '%.64s' to go on with", field);
    if (!json_is_string(text) && !block)
        return err_set(err, ERR_INPUT, "the last message has no text to go on with");
    if (block) {
        keep(out, json_object_get(block, "text"));
        mark(block, "text");
    }
    if (block ? strstr(source, field) != NULL : mark_fields(message, field, source, out))
        return true;
    return err_set(err, ERR_INPUT, "the chat template does not use '%.64s'", field);
}

bool continue_cut(struct strbuf *rendered, const struct strbuf *final, struct err *err) {
    const struct value whole = value_text(strbuf_str(rendered), rendered->len),
                       text = pystr_strip(
                           value_text(strbuf_str(final), final->len), value_none(), true, true);
    const int64_t at = pystr_find_last(whole, value_text(MARK, sizeof MARK - 1));
    if (at < 0 || pystr_find(whole, text, 0) < 0)
        return err_set(err, ERR_INPUT,
            "the last message, which is to be gone on with, is not in what the chat template made");
    struct value kept = value_text(whole.text, (size_t)at);
    if (whole.text[(size_t)at + sizeof MARK - 1] != ' ') /* the template trims its messages */
        kept = pystr_strip(kept, value_none(), false, true);
    rendered->len = kept.n;
    rendered->text[kept.n] = 0;
    return true;
}
