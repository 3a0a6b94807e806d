/* Post-processors: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence. They
 * come down to ids before and after the tokens, which is all that one text (not a pair) needs. */
#include "harness/tokenizer/post.h"

#include <string.h>

#include "base/mem.h"

enum post_limit {
    DEPTH_MAX = 32,
    IDS_MAX = 4096,
};

void id_list_add(struct id_list *l, uint32_t id) {
    mem_grow(&l->items, &l->capacity, l->n + 1, sizeof *l->items);
    l->items[l->n++] = id;
}

/* A later processor's ids stand outside those of an earlier one. */
static void prepend(struct id_list *l, const struct id_list *front) {
    struct id_list whole = { 0 };
    for (size_t i = 0; i < front->n; i++) {
        id_list_add(&whole, front->items[i]);
    }
    for (size_t i = 0; i < l->n; i++) {
        id_list_add(&whole, l->items[i]);
    }
    free(l->items);
    *l = whole;
}

void post_release(struct post *post) {
    free(post->before.items);
    free(post->after.items);
    *post = (struct post) { 0 };
}

static bool read_id(const json_t *value, uint32_t *id, struct err *err) {
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0 || n > UINT32_MAX) {
        return err_set(err, ERR_INPUT, "a special token's id is not a number from 0 to 4294967295");
    }
    *id = (uint32_t)n;
    return true;
}

static bool add_special(
    const json_t *tokens, const char *name, struct id_list *to, struct err *err) {
    const json_t *ids = json_object_get(json_object_get(tokens, name), "ids");
    if (!json_is_array(ids)) {
        return err_set(
            err, ERR_INPUT, "template names special token '%.100s', which is not defined", name);
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        uint32_t id = 0;
        if (!read_id(json_array_get(ids, i), &id, err)) {
            return false;
        }
        if (to->n == IDS_MAX) {
            return err_set(err, ERR_INPUT, "template adds more than %d tokens", IDS_MAX);
        }
        id_list_add(to, id);
    }
    return true;
}

static bool read_template(
    const json_t *config, struct id_list *before, struct id_list *after, struct err *err) {
    const json_t *single = json_object_get(config, "single"),
                 *tokens = json_object_get(config, "special_tokens");
    size_t n_texts = 0;
    if (!json_is_array(single)) {
        return err_set(err, ERR_INPUT, "template 'single' is not a list");
    }
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *piece = json_array_get(single, i);
        const char *name = json_get_string(json_object_get(piece, "SpecialToken"), "id", NULL);
        const char *text = json_get_string(json_object_get(piece, "Sequence"), "id", NULL);
        if (name) {
            if (!add_special(tokens, name, n_texts ? after : before, err)) {
                return false;
            }
        } else if (text && strcmp(text, "A") == 0) {
            n_texts++;
        } else {
            return err_set(
                err, ERR_INPUT, "template 'single' holds something other than tokens and text A");
        }
    }
    return n_texts == 1 ||
           err_set(err, ERR_UNSUPPORTED, "template 'single' holds text A %zu times", n_texts);
}

static bool load_template(struct post *post, const json_t *config, struct err *err) {
    struct id_list before = { 0 }, after = { 0 };
    bool ok = read_template(config, &before, &after, err);
    if (ok) {
        prepend(&post->before, &before);
        for (size_t i = 0; i < after.n; i++) {
            id_list_add(&post->after, after.items[i]);
        }
    }
    free(before.items);
    free(after.items);
    return ok;
}

/* "cls": ["[CLS]", 101], "sep": ["[SEP]", 102] */
static bool load_bert(struct post *post, const json_t *config, struct err *err) {
    uint32_t cls = 0, sep = 0;
    if (!read_id(json_array_get(json_object_get(config, "cls"), 1), &cls, err) ||
        !read_id(json_array_get(json_object_get(config, "sep"), 1), &sep, err)) {
        return false;
    }
    prepend(&post->before, &(struct id_list) { .items = &cls, .n = 1 });
    id_list_add(&post->after, sep);
    return true;
}

static bool load_byte_level(struct post *post, const json_t *config, struct err *err) {
    (void)err;
    if (json_get_bool(config, "trim_offsets", true)) {
        post->trim.trim = true;
        post->trim.add_prefix_space = json_get_bool(config, "add_prefix_space", true);
    }
    return true;
}

static bool load_roberta(struct post *post, const json_t *config, struct err *err) {
    return load_byte_level(post, config, err) && load_bert(post, config, err);
}

static bool load(struct post *post, const json_t *config, int depth, struct err *err) {
    static const struct {
        const char *name;
        bool (*load)(struct post *post, const json_t *config, struct err *err);
    } TYPES[] = {
        { "BertProcessing", load_bert },
        { "ByteLevel", load_byte_level },
        { "RobertaProcessing", load_roberta },
        { "TemplateProcessing", load_template },
    };
    const char *name = json_get_string(config, "type", "");
    if (depth > DEPTH_MAX) {
        return err_set(err, ERR_INPUT,
            "post_processor sequences are nested to a depth of more than %d", DEPTH_MAX);
    }
    if (strcmp(name, "Sequence") == 0) {
        const json_t *members = json_object_get(config, "processors");
        for (size_t i = 0; i < json_array_size(members); i++) {
            if (!load(post, json_array_get(members, i), depth + 1, err)) {
                return false;
            }
        }
        return true;
    }
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(TYPES[i].name, name) == 0) {
            return TYPES[i].load(post, config, err) || err_wrap(err, "post_processor '%s'", name);
        }
    }
    return err_set(err, ERR_UNSUPPORTED, "post_processor type '%.64s' is not supported", name);
}

bool post_load(struct post *post, const json_t *config, struct err *err) {
    return !config || json_is_null(config) || load(post, config, 0, err);
}
