/* Vocabularies (see vocab.h). */
#include "harness/tokenizer/model/vocab.h"

#include <string.h>

void vocab_init(struct vocab *v, size_t expected) {
    *v = (struct vocab) { .index = strmap_new(expected) };
}

void vocab_release(struct vocab *v) {
    strmap_free(v->index);
    free(v->entries);
    free(v->by_id);
    arena_release(&v->arena);
    *v = (struct vocab) { 0 };
}

static bool check_room(const struct vocab *v, size_t n, struct err *err) {
    if (n > VOCAB_TOKEN_BYTES_MAX) {
        return err_set(err, ERR_INPUT, "token %zu of the vocab is longer than %d bytes", v->n,
            VOCAB_TOKEN_BYTES_MAX);
    }
    return v->n < VOCAB_TOKENS_MAX ||
           err_set(err, ERR_INPUT, "vocab has more than %d tokens", VOCAB_TOKENS_MAX);
}

static void append(struct vocab *v, struct vocab_entry e) {
    mem_grow(&v->entries, &v->capacity, v->n + 1, sizeof *v->entries);
    v->entries[v->n++] = e;
    v->n_longest = e.n > v->n_longest ? e.n : v->n_longest;
}

static void append_copy(struct vocab *v, const char *text, size_t n, uint32_t id) {
    char *copy = arena_alloc(&v->arena, n + 1);
    memcpy(copy, text, n);
    append(v, (struct vocab_entry) { copy, (uint32_t)n, id });
}

bool vocab_add(struct vocab *v, const char *text, size_t n, uint32_t id, struct err *err) {
    if (!check_room(v, n, err)) {
        return false;
    }
    if (!strmap_add(v->index, text, n, (int32_t)v->n)) {
        return err_set(
            err, ERR_INPUT, "token '%.*s' is twice in the vocab", (int)(n < 100 ? n : 100), text);
    }
    append_copy(v, text, n, id);
    return true;
}

bool vocab_put(struct vocab *v, const char *text, size_t n, uint32_t id, struct err *err) {
    if (!check_room(v, n, err)) {
        return false;
    }
    if (strmap_add(v->index, text, n, (int32_t)v->n)) {
        append_copy(v, text, n, id);
        return true;
    }
    struct vocab_entry old = v->entries[strmap_find(v->index, text, n)];
    v->entries[strmap_find(v->index, text, n)].id = id;
    append(v, old);
    return true;
}

bool vocab_add_json(struct vocab *v, const json_t *object, struct err *err) {
    if (!json_is_object(object)) {
        return err_set(err, ERR_INPUT, "vocab is not an object");
    }
    const char *text;
    size_t n;
    json_t *id;
    json_object_keylen_foreach((json_t *)(uintptr_t)object, text, n, id) {
        json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value > UINT32_MAX) {
            return err_set(
                err, ERR_INPUT, "id of token '%.100s' is not a number from 0 to 4294967295", text);
        }
        if (!vocab_add(v, text, n, (uint32_t)value, err)) {
            return false;
        }
    }
    return true;
}

static int compare_ids(const void *a, const void *b, void *entries) {
    const struct vocab_entry *e = entries;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (e[x].id != e[y].id) {
        return e[x].id < e[y].id ? -1 : 1;
    }
    return (x > y) - (x < y);
}

void vocab_seal(struct vocab *v) {
    v->by_id = xmalloc(v->n * sizeof *v->by_id);
    bool sorted = true;
    for (size_t i = 0; i < v->n; i++) {
        v->by_id[i] = (uint32_t)i;
        sorted = sorted && (i == 0 || v->entries[i - 1].id < v->entries[i].id);
    }
    if (!sorted) {
        qsort_r(v->by_id, v->n, sizeof *v->by_id, compare_ids, v->entries);
    }
}

int64_t vocab_find(const struct vocab *v, const char *text, size_t n) {
    int32_t at = strmap_find(v->index, text, n);
    return at < 0 ? -1 : (int64_t)v->entries[at].id;
}

const struct vocab_entry *vocab_at(const struct vocab *v, uint32_t id) {
    if (id < v->n &&
        v->entries[v->by_id[id]].id == id) { /* the usual case: ids from 0 without gaps */
        return &v->entries[v->by_id[id]];
    }
    size_t low = 0, high = v->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (v->entries[v->by_id[middle]].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct vocab_entry *e = low < v->n ? &v->entries[v->by_id[low]] : NULL;
    return e && e->id == id ? e : NULL;
}
