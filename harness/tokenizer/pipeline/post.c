/* Post-processors: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence. They
 * come down to ids before and after the tokens, which is all that one text (not a pair) needs.
 *
 * In the reference a template turns one text into a list of parts, of which a processor after it
 * sees each as a text of its own, so parts are kept apart until all processors are through. */
#include "harness/tokenizer/pipeline/post.h"

#include <string.h>

#include "base/mem.h"

enum post_limit {
    DEPTH_MAX = 32,
    PARTS_MAX = 64,
    PART_ITEMS_MAX = 1024,
};

void id_list_add(struct id_list *l, uint32_t id) {
    mem_grow(&l->items, &l->capacity, l->n + 1, sizeof *l->items);
    l->items[l->n++] = id;
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

/* What has been put together so far: ids, and TEXT where the text's own tokens stand. */
#define TEXT INT64_C(-1)
struct part {
    int64_t items[PART_ITEMS_MAX];
    size_t n;
};
struct parts {
    struct part items[PARTS_MAX];
    size_t n;
};

static bool put(struct part *p, int64_t item, struct err *err) {
    if (p->n == PART_ITEMS_MAX) {
        return err_set(err, ERR_INPUT, "more than %d tokens are added", PART_ITEMS_MAX);
    }
    p->items[p->n++] = item;
    return true;
}

static bool put_all(struct part *to, const struct part *from, struct err *err) {
    for (size_t i = 0; i < from->n; i++) {
        if (!put(to, from->items[i], err)) {
            return false;
        }
    }
    return true;
}

static bool add_special(const json_t *tokens, const char *name, struct part *to, struct err *err) {
    const json_t *ids = json_object_get(json_object_get(tokens, name), "ids");
    if (!json_is_array(ids)) {
        return err_set(
            err, ERR_INPUT, "template names special token '%.100s', which is not defined", name);
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        uint32_t id = 0;
        if (!read_id(json_array_get(ids, i), &id, err) || !put(to, id, err)) {
            return false;
        }
    }
    return true;
}

/* One piece of a template: a special token, or one of the texts. */
static bool add_piece(const struct parts *old, const json_t *tokens, const json_t *piece,
    struct part *to, struct err *err) {
    const char *name = json_get_string(json_object_get(piece, "SpecialToken"), "id", NULL);
    const char *text = json_get_string(json_object_get(piece, "Sequence"), "id", "");
    if (name) {
        return add_special(tokens, name, to, err);
    }
    size_t which = strcmp(text, "A") == 0 ? 0 : strcmp(text, "B") == 0 ? 1 : PARTS_MAX;
    if (which >= old->n) {
        return err_set(
            err, ERR_INPUT, "a template holds something other than tokens and the texts given");
    }
    return put_all(to, &old->items[which], err);
}

/* A template counts what it adds to one text, whichever of its lists is taken. */
static size_t count_single(const json_t *config) {
    const json_t *pieces = json_object_get(config, "single"),
                 *tokens = json_object_get(config, "special_tokens");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(pieces); i++) {
        const json_t *special = json_object_get(json_array_get(pieces, i), "SpecialToken");
        const char *name = json_get_string(special, "id", "");
        n += json_array_size(json_object_get(json_object_get(tokens, name), "ids"));
    }
    return n;
}

static bool load_template(
    struct post *post, struct parts *parts, const json_t *config, struct err *err) {
    post->n_counted += count_single(config);
    const char *which = parts->n == 1 ? "single" : "pair";
    const json_t *pieces = json_object_get(config, which),
                 *tokens = json_object_get(config, "special_tokens");
    if (!json_is_array(pieces) || json_array_size(pieces) > PARTS_MAX || parts->n > 2) {
        return err_set(
            err, ERR_INPUT, "template '%s' is not a list of %d pieces at most", which, PARTS_MAX);
    }
    struct parts *new = xcalloc(1, sizeof *new);
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(pieces); i++) {
        ok = add_piece(parts, tokens, json_array_get(pieces, i), &new->items[new->n++], err);
    }
    *parts = *new;
    free(new);
    return ok;
}

/* Puts cls and sep round the first part, and sep behind each further one (Roberta: before it, too).
 */
static bool surround(struct parts *parts, const json_t *config, bool twice, struct err *err) {
    uint32_t cls = 0, sep = 0;
    if (!read_id(json_array_get(json_object_get(config, "cls"), 1), &cls, err) ||
        !read_id(json_array_get(json_object_get(config, "sep"), 1), &sep, err)) {
        return false;
    }
    for (size_t i = 0; i < parts->n; i++) {
        struct part old = parts->items[i], *new = &parts->items[i];
        new->n = 0;
        if ((i == 0 && !put(new, cls, err)) || (i && twice && !put(new, sep, err)) ||
            !put_all(new, &old, err) || !put(new, sep, err)) {
            return false;
        }
    }
    return true;
}

/* Has an earlier processor put tokens before the text, in the part that the text is in? */
static bool text_is_behind(const struct parts *parts) {
    for (size_t i = 0; i < parts->n; i++) {
        for (size_t k = 1; k < parts->items[i].n; k++) {
            if (parts->items[i].items[k] == TEXT) {
                return true;
            }
        }
    }
    return false;
}

/* "cls": ["[CLS]", 101], "sep": ["[SEP]", 102] */
static bool load_bert(
    struct post *post, struct parts *parts, const json_t *config, struct err *err) {
    post->n_counted += 2;
    return surround(parts, config, false, err);
}

static bool load_byte_level(
    struct post *post, struct parts *parts, const json_t *config, struct err *err) {
    (void)err;
    if (json_get_bool(config, "trim_offsets", true)) {
        post->trim.trim = true;
        post->trim.behind = text_is_behind(parts);
        post->trim.add_prefix_space = json_get_bool(config, "add_prefix_space", true);
    }
    return true;
}

static bool load_roberta(
    struct post *post, struct parts *parts, const json_t *config, struct err *err) {
    post->n_counted += 2;
    return load_byte_level(post, parts, config, err) && surround(parts, config, true, err);
}

static bool load(
    struct post *post, struct parts *parts, const json_t *config, int depth, struct err *err) {
    static const struct {
        const char *name;
        bool (*load)(struct post *post, struct parts *parts, const json_t *config, struct err *err);
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
            if (!load(post, parts, json_array_get(members, i), depth + 1, err)) {
                return false;
            }
        }
        return true;
    }
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(TYPES[i].name, name) == 0) {
            return TYPES[i].load(post, parts, config, err) ||
                   err_wrap(err, "post_processor '%s'", name);
        }
    }
    return err_set(err, ERR_UNSUPPORTED, "post_processor type '%.64s' is not supported", name);
}

/* What stands before and after the text, which must be there once. */
static bool divide(struct post *post, const struct parts *parts, struct err *err) {
    size_t n_texts = 0;
    for (size_t i = 0; i < parts->n; i++) {
        for (size_t k = 0; k < parts->items[i].n; k++) {
            int64_t item = parts->items[i].items[k];
            if (item == TEXT) {
                n_texts++;
            } else {
                id_list_add(n_texts ? &post->after : &post->before, (uint32_t)item);
            }
        }
    }
    return n_texts == 1 || err_set(err, ERR_UNSUPPORTED,
                               "post_processor puts the text %zu times into its result", n_texts);
}

bool post_load(struct post *post, const json_t *config, struct err *err) {
    struct parts *parts = xcalloc(1, sizeof *parts);
    parts->items[0] = (struct part) { .items = { TEXT }, .n = 1 };
    parts->n = 1;
    bool ok = !config || json_is_null(config) ||
              (load(post, parts, config, 0, err) && divide(post, parts, err));
    free(parts);
    return ok;
}
