/* Joining: see join.h. */
#include "harness/tokenizer/join.h"

#include <string.h>

#include "base/mem.h"
#include "harness/tokenizer/token_list.h"
#include "harness/tokenizer/tokenizer.h"

enum { PIECES_MAX = 256, DEPTH_MAX = 32 };

void join_release(struct join *join) {
    free(join->pieces);
    *join = (struct join) { 0 };
}

/* ---- what the post-processor says ---- */

static bool piece_add(struct join *j, struct join_piece piece, struct err *err) {
    if (j->n == PIECES_MAX)
        return err_set(err, ERR_INPUT, "a pair has more than %d pieces", PIECES_MAX);
    mem_grow(&j->pieces, &j->capacity, j->n + 1, sizeof *j->pieces);
    j->pieces[j->n++] = piece;
    return true;
}

static bool id_take(const json_t *value, uint32_t *id, struct err *err) {
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0 || n > INT32_MAX)
        return err_set(err, ERR_INPUT, "a special token's id is not a number");
    *id = (uint32_t)n;
    return true;
}

static bool special_add(
    struct join *j, const json_t *tokens, const char *name, uint8_t type, struct err *err) {
    const json_t *ids = json_object_get(json_object_get(tokens, name), "ids");
    for (size_t i = 0; i < json_array_size(ids); i++) {
        struct join_piece piece = { .kind = JOIN_TOKEN, .type = type };
        if (!id_take(json_array_get(ids, i), &piece.id, err) || !piece_add(j, piece, err))
            return false;
    }
    return true;
}

static uint8_t type_of(const json_t *piece) {
    return json_get_int(piece, "type_id", 0) == 1;
}

static bool template_load(struct join *j, const json_t *config, struct err *err) {
    const json_t *pair = json_object_get(config, "pair");
    for (size_t i = 0; i < json_array_size(pair); i++) {
        const json_t *special = json_object_get(json_array_get(pair, i), "SpecialToken");
        const json_t *text = json_object_get(json_array_get(pair, i), "Sequence");
        const char *name = json_get_string(special, "id", NULL);
        bool second = strcmp(json_get_string(text, "id", "A"), "B") == 0;
        bool ok = name ? special_add(j, json_object_get(config, "special_tokens"), name,
                             type_of(special), err)
                       : piece_add(j,
                             (struct join_piece) {
                                 .kind = second ? JOIN_SECOND : JOIN_FIRST, .type = type_of(text) },
                             err);
        if (!ok)
            return false;
    }
    return true;
}

/* [CLS] first [SEP] second [SEP], where the second text has a type of its own; or, `doubled`,
 * <s> first </s></s> second </s> with one type. */
static bool around_add(
    struct join *j, uint32_t before, uint32_t after, bool doubled, struct err *err) {
    uint8_t type = !doubled;
    return piece_add(j, (struct join_piece) { .id = before }, err) &&
           piece_add(j, (struct join_piece) { .kind = JOIN_FIRST }, err) &&
           piece_add(j, (struct join_piece) { .id = after }, err) &&
           (!doubled || piece_add(j, (struct join_piece) { .id = after }, err)) &&
           piece_add(j, (struct join_piece) { .kind = JOIN_SECOND, .type = type }, err) &&
           piece_add(j, (struct join_piece) { .id = after, .type = type }, err);
}

static bool around_load(struct join *j, const json_t *config, bool doubled, struct err *err) {
    uint32_t cls = 0, sep = 0;
    return id_take(json_array_get(json_object_get(config, "cls"), 1), &cls, err) &&
           id_take(json_array_get(json_object_get(config, "sep"), 1), &sep, err) &&
           around_add(j, cls, sep, doubled, err);
}

/* The first member of a sequence that adds something counts. */
static bool load(struct join *j, const json_t *config, int depth, struct err *err) {
    const char *type = json_get_string(config, "type", "");
    const json_t *members = json_object_get(config, "processors");
    if (strcmp(type, "TemplateProcessing") == 0)
        return template_load(j, config, err);
    if (strcmp(type, "BertProcessing") == 0)
        return around_load(j, config, false, err);
    if (strcmp(type, "RobertaProcessing") == 0)
        return around_load(j, config, true, err);
    for (size_t i = 0; i < json_array_size(members) && j->n == 0 && depth < DEPTH_MAX; i++)
        if (!load(j, json_array_get(members, i), depth + 1, err))
            return false;
    return true;
}

bool join_load(struct join *join, const json_t *post_processor, struct err *err) {
    return !json_is_object(post_processor) || load(join, post_processor, 0, err);
}

/* ---- joining ---- */

/* How many tokens each text keeps of `room`: the shorter one keeps all where it can (the rule of
 * tokenizers' longest_first). */
static void room_divide(size_t room, size_t n[2]) {
    size_t shorter = n[0] <= n[1] ? 0 : 1, longer = 1 - shorter;
    if (n[0] + n[1] <= room)
        return;
    n[longer] = n[shorter] > room                ? n[shorter]
                : room - n[shorter] > n[shorter] ? room - n[shorter]
                                                 : n[shorter];
    if (n[0] + n[1] > room) {
        n[shorter] = room / 2;
        n[longer] = room / 2 + room % 2;
    }
}

static void id_add(struct token_list *list, int32_t id) {
    mem_grow(&list->ids, &list->capacity, list->n + 1, sizeof *list->ids);
    list->ids[list->n++] = id;
}

/* Without a word from the tokenizer: what stands round one text stands round each, BERT's way. */
static bool join_default(const struct tokenizer *t, struct join *j, struct err *err) {
    const struct id_list *before = &t->post.before, *after = &t->post.after;
    for (size_t i = 0; i < before->n; i++)
        if (!piece_add(j, (struct join_piece) { .id = before->items[i] }, err))
            return false;
    for (uint8_t second = 0; second < 2; second++) {
        if (!piece_add(j,
                (struct join_piece) { .kind = second ? JOIN_SECOND : JOIN_FIRST, .type = second },
                err))
            return false;
        for (size_t i = 0; i < after->n; i++)
            if (!piece_add(j, (struct join_piece) { .id = after->items[i], .type = second }, err))
                return false;
    }
    return true;
}

/* The texts' first n tokens, or, where they are cut on the left, their last. */
static void pieces_put(const struct join *j, const struct token_list texts[2], const size_t n[2],
    bool left, struct token_list *ids, struct token_list *types) {
    for (size_t i = 0; i < j->n; i++) {
        const struct join_piece *p = &j->pieces[i];
        size_t which = p->kind == JOIN_SECOND;
        size_t from = ids->n;
        if (p->kind == JOIN_TOKEN)
            id_add(ids, (int32_t)p->id);
        size_t skipped = left ? texts[which].n - n[which] : 0;
        for (size_t k = 0; p->kind != JOIN_TOKEN && k < n[which]; k++)
            id_add(ids, texts[which].ids[skipped + k]);
        for (; from < ids->n; from++)
            id_add(types, p->type);
    }
}

bool tokenizer_join(const struct tokenizer *t, const struct join_text texts[2], uint32_t limit,
    struct token_list *ids, struct token_list *types, bool *truncated, struct err *err) {
    static const struct encode_options bare = { .no_special = true };
    struct token_list lists[2] = { 0 };
    struct join made = { 0 };
    bool ok = t->join.n > 0 || join_default(t, &made, err);
    const struct join *j = t->join.n > 0 ? &t->join : &made;
    for (size_t i = 0; ok && i < 2; i++)
        ok = tokenizer_encode(t, texts[i].text, texts[i].n, &bare, &lists[i], err);
    if (ok) {
        size_t n[2] = { lists[0].n, lists[1].n }, added = 0;
        for (size_t i = 0; i < j->n; i++)
            added += j->pieces[i].kind == JOIN_TOKEN;
        room_divide(limit > added ? limit - added : 0, n);
        *truncated = n[0] < lists[0].n || n[1] < lists[1].n;
        pieces_put(j, lists, n, t->info.cuts_left, ids, types);
    }
    join_release(&made);
    token_list_release(&lists[0]);
    token_list_release(&lists[1]);
    return ok;
}
