/* See parquet_meta.h. Field numbers are those of parquet.thrift. */
#include "evaluator/data/parquet_meta.h"

#include <string.h>

#include "base/utf8.h"
#include "evaluator/data/little.h"
#include "evaluator/data/thrift.h"

enum {
    MAX_NODES = 10000,
    MAX_DEPTH = 128, /* a list is two levels, or three with its elements */
    MAGIC = 4,
    TAIL = 8,
    GUESS = 64 << 10, /* of the footer's size: one read for most files */
    MAX_FOOTER = 256 << 20,
};
#define ROWS_MAX (1ll << 32)

struct footer {
    struct thrift thrift;
    struct pq_meta *meta;
    struct err *err;
    size_t length;
};

static bool bad(struct footer *f, const char *what) {
    f->thrift.failed = true;
    return err_set(f->err, ERR_INPUT, "parquet footer: %s", what);
}

/* ---- schema ---- */

static void read_integer_kind(struct thrift *t, struct pq_node *node) {
    struct thrift_field f = { 0 };
    while (thrift_next(t, &f))
        if (f.id == 2)
            node->meaning = thrift_bool(t, &f) ? PQ_PLAIN_MEANING : PQ_UNSIGNED;
        else
            thrift_skip(t, &f);
}

/* LogicalType is a union: a struct with one field, itself a struct. */
static void read_logical(struct thrift *t, struct pq_node *node) {
    static const enum pq_meaning meanings[16] = {
        [1] = PQ_STRING,
        [2] = PQ_MAP,
        [3] = PQ_LIST,
        [4] = PQ_STRING,
        [5] = PQ_DECIMAL,
        [12] = PQ_STRING,
        [14] = PQ_UUID,
        [15] = PQ_FLOAT16,
    };
    struct thrift_field f = { 0 };
    while (thrift_next(t, &f)) {
        if (f.id > 0 && f.id < 16 && meanings[f.id] != PQ_PLAIN_MEANING)
            node->meaning = meanings[f.id];
        if (f.id == 10 && thrift_struct(t, &f))
            read_integer_kind(t, node);
        else
            thrift_skip(t, &f);
    }
}

static enum pq_meaning converted_meaning(int64_t type) {
    if (type == 0 || type == 4 || type == 19)
        return PQ_STRING;
    if (type == 1 || type == 2)
        return PQ_MAP;
    if (type >= 11 && type <= 14)
        return PQ_UNSIGNED;
    return type == 3 ? PQ_LIST : type == 5 ? PQ_DECIMAL : PQ_PLAIN_MEANING;
}

/* SchemaElement as it stands in the file, by field number. */
struct element {
    int64_t type, width, repetition, children, converted, scale;
    const uint8_t *name;
    size_t name_n;
};

static void read_element_fields(struct thrift *t, struct element *e, struct pq_node *node) {
    int64_t *const numbers[8] = { [1] = &e->type,
        [2] = &e->width,
        [3] = &e->repetition,
        [5] = &e->children,
        [6] = &e->converted,
        [7] = &e->scale };
    struct thrift_field f = { 0 };
    while (thrift_next(t, &f)) {
        if (f.id > 0 && f.id < 8 && numbers[f.id])
            *numbers[f.id] = thrift_int(t, &f);
        else if (f.id == 4)
            e->name = thrift_bytes(t, &f, &e->name_n);
        else if (f.id == 10 && thrift_struct(t, &f))
            read_logical(t, node);
        else
            thrift_skip(t, &f);
    }
}

static bool element_ok(const struct element *e) {
    bool leaf = e->children == 0;
    bool kind = !leaf || (e->type >= 0 && e->type < PQ_N_TYPES);
    bool width = !leaf || e->type != PQ_FIXED || (e->width > 0 && e->width <= 1 << 20);
    return e->name && kind && width && e->repetition >= 0 && e->repetition <= PQ_REPEATED &&
           e->children >= 0 && e->children <= MAX_NODES && e->scale >= 0 && e->scale <= 76;
}

/* Where both the old and the new way say what a column means, the new one, already in the node, is
 * right. */
static void read_element(struct footer *f, struct pq_node *node) {
    struct element e = { .type = -1, .converted = -1 };
    read_element_fields(&f->thrift, &e, node);
    if (f->thrift.failed || !element_ok(&e)) {
        bad(f, "schema element is damaged");
        return;
    }
    if (node->meaning == PQ_PLAIN_MEANING)
        node->meaning = converted_meaning(e.converted);
    if (!utf8_valid((const char *)e.name, e.name_n) || memchr(e.name, 0, e.name_n)) {
        bad(f, "the name of a column is not text");
        return;
    }
    node->name = arena_strndup(&f->meta->arena, (const char *)e.name, e.name_n);
    node->name_n = e.name_n;
    node->leaf = e.children == 0;
    node->type = node->leaf ? (enum pq_type)e.type : PQ_BOOLEAN;
    node->width = (uint32_t)e.width;
    node->scale = (uint32_t)e.scale;
    node->repetition = (enum pq_repetition)e.repetition;
    node->n_children = (uint32_t)e.children;
}

static void too_deep(struct footer *f) {
    f->thrift.failed = true;
    err_set(f->err, ERR_UNSUPPORTED,
        "parquet footer: columns that nest more than %d levels deep are not read", MAX_DEPTH);
}

/* Long names are cut: what they add up to over a deep tree has no other bound. */
static const char *path_of(
    struct footer *f, const struct pq_node *parent, const struct pq_node *node) {
    return parent == f->meta->nodes
               ? node->name
               : arena_printf(&f->meta->arena, "%.100s.%.100s", parent->path, node->name);
}

/* Levels, paths, leaves and ends of the subtree at `at`; 0 on failure, else the node after it. */
static uint32_t link_node(struct footer *f, uint32_t at, uint8_t def, uint8_t rep, unsigned depth) {
    struct pq_meta *m = f->meta;
    if (at >= m->n_nodes || depth > MAX_DEPTH) {
        if (at >= m->n_nodes)
            bad(f, "schema tree is damaged");
        else
            too_deep(f);
        return 0;
    }
    struct pq_node *node = &m->nodes[at];
    node->max_def = (uint8_t)(def + (at > 0 && node->repetition != PQ_REQUIRED));
    node->max_rep = (uint8_t)(rep + (at > 0 && node->repetition == PQ_REPEATED));
    node->first_leaf = m->n_leaves;
    if (node->leaf)
        m->leaves[m->n_leaves++] = at;
    uint32_t next = at + 1;
    for (uint32_t i = 0; i < node->n_children && next; i++) {
        if (next < m->n_nodes)
            m->nodes[next].path = path_of(f, node, &m->nodes[next]);
        next = link_node(f, next, node->max_def, node->max_rep, depth + 1);
    }
    node->n_leaves = m->n_leaves - node->first_leaf;
    node->end = next;
    return next;
}

static int compare_names(const void *a, const void *b) {
    const struct pq_node *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The columns of the root, or of a struct. `sorted` has room for them. */
static bool check_names(
    struct footer *f, const struct pq_node *parent, const struct pq_node **sorted) {
    const struct pq_node *nodes = f->meta->nodes, *child = parent + 1;
    for (uint32_t i = 0; i < parent->n_children; i++, child = &nodes[child->end])
        sorted[i] = child;
    qsort(sorted, parent->n_children, sizeof *sorted, compare_names);
    for (uint32_t i = 1; i < parent->n_children; i++) {
        const char *name = sorted[i]->name;
        if (strcmp(sorted[i - 1]->name, name) != 0)
            continue;
        return parent == nodes
                   ? err_set(
                         f->err, ERR_INPUT, "parquet footer: two columns are named '%.100s'", name)
                   : err_set(f->err, ERR_INPUT,
                         "parquet footer: two columns within '%.100s' are named '%.100s'",
                         parent->name, name);
    }
    return true;
}

/* A row is an object: of two values of one name it would lose one. */
static bool check_all_names(struct footer *f) {
    const struct pq_meta *m = f->meta;
    const struct pq_node **sorted = xcalloc(m->n_nodes, sizeof *sorted);
    bool ok = true;
    for (uint32_t i = 0; ok && i < m->n_nodes; i++)
        ok = m->nodes[i].leaf || check_names(f, &m->nodes[i], sorted);
    free(sorted);
    return ok;
}

static bool read_schema(struct footer *f, const struct thrift_field *field) {
    struct pq_meta *m = f->meta;
    struct thrift_field element;
    size_t n = thrift_list(&f->thrift, field, &element);
    if (f->thrift.failed || m->nodes || n < 2 || n > MAX_NODES || element.type != THRIFT_STRUCT)
        return bad(f, "schema has no columns, or too many");
    m->n_nodes = (uint32_t)n;
    m->nodes = arena_alloc(&m->arena, n * sizeof *m->nodes);
    m->leaves = arena_alloc(&m->arena, n * sizeof *m->leaves);
    for (size_t i = 0; i < n && !f->thrift.failed; i++)
        read_element(f, &m->nodes[i]);
    if (f->thrift.failed)
        return false;
    uint32_t end = m->nodes[0].leaf ? 0 : link_node(f, 0, 0, 0, 0);
    return !f->thrift.failed && (end == n || bad(f, "schema tree is damaged")) &&
           check_all_names(f);
}

/* ---- row groups ---- */

struct chunk_fields {
    int64_t type, codec, n_values, size, data, dictionary;
};

static void read_column_meta(struct thrift *t, struct chunk_fields *c) {
    struct thrift_field f = { 0 };
    while (thrift_next(t, &f)) {
        int64_t *into = f.id == 1    ? &c->type
                        : f.id == 4  ? &c->codec
                        : f.id == 5  ? &c->n_values
                        : f.id == 7  ? &c->size
                        : f.id == 9  ? &c->data
                        : f.id == 11 ? &c->dictionary
                                     : NULL;
        if (into)
            *into = thrift_int(t, &f);
        else
            thrift_skip(t, &f);
    }
}

static bool read_chunk(
    struct footer *f, struct pq_chunk *chunk, enum pq_type type, uint64_t limit) {
    struct thrift *t = &f->thrift;
    struct thrift_field field = { 0 };
    struct chunk_fields c = { .type = -1, .dictionary = 0 };
    while (thrift_next(t, &field)) {
        if (field.id == 1)
            return bad(f, "columns in other files are not read");
        if (field.id == 3 && thrift_struct(t, &field))
            read_column_meta(t, &c);
        else
            thrift_skip(t, &field);
    }
    int64_t from = c.dictionary > 0 && c.dictionary < c.data ? c.dictionary : c.data;
    if (!t->failed && c.type == (int64_t)type && c.n_values == 0)
        return true; /* an empty row group: its offsets mean nothing */
    if (t->failed || c.type != (int64_t)type || c.n_values < 0 || from < MAGIC || c.size < 0 ||
        (uint64_t)from > limit || (uint64_t)c.size > limit - (uint64_t)from)
        return bad(f, "column chunk is damaged, or lies outside of the file");
    *chunk = (struct pq_chunk) {
        .codec = (int)c.codec,
        .n_values = (uint64_t)c.n_values,
        .offset = (uint64_t)from,
        .size = (uint64_t)c.size,
    };
    return true;
}

static bool read_chunks(
    struct footer *f, const struct thrift_field *field, struct pq_group *group, uint64_t limit) {
    struct pq_meta *m = f->meta;
    struct thrift_field element;
    size_t n = thrift_list(&f->thrift, field, &element);
    if (f->thrift.failed || group->chunks || n != m->n_leaves || element.type != THRIFT_STRUCT)
        return bad(f, "row group and schema differ in their columns");
    group->chunks = arena_alloc(&m->arena, n * sizeof *group->chunks);
    for (size_t i = 0; i < n; i++)
        if (!read_chunk(f, &group->chunks[i], m->nodes[m->leaves[i]].type, limit))
            return false;
    return true;
}

static bool read_group(struct footer *f, struct pq_group *group, uint64_t limit) {
    struct thrift *t = &f->thrift;
    struct thrift_field field = { 0 };
    int64_t rows = -1;
    while (thrift_next(t, &field)) {
        if (field.id == 1) {
            if (!read_chunks(f, &field, group, limit))
                return false;
        } else if (field.id == 3)
            rows = thrift_int(t, &field);
        else
            thrift_skip(t, &field);
    }
    if (t->failed || rows < 0 || !group->chunks)
        return bad(f, "row group is damaged");
    group->n_rows = (uint64_t)rows;
    for (uint32_t i = 0; i < f->meta->n_leaves; i++)
        if (group->chunks[i].n_values < group->n_rows)
            return bad(f, "row group has more rows than values");
    return true;
}

static bool read_groups(struct footer *f, const struct thrift_field *field, uint64_t limit) {
    struct pq_meta *m = f->meta;
    struct thrift_field element;
    size_t n = thrift_list(&f->thrift, field, &element);
    if (f->thrift.failed || !m->nodes || m->groups || n > UINT32_MAX ||
        (n > 0 && element.type != THRIFT_STRUCT))
        return bad(f, "row groups are damaged");
    m->groups = arena_alloc(&m->arena, (n + 1) * sizeof *m->groups);
    for (; m->n_groups < n; m->n_groups++)
        if (!read_group(f, &m->groups[m->n_groups], limit))
            return false;
    return true;
}

/* ---- the rest ---- */

static void read_key_value(struct footer *f) {
    struct thrift *t = &f->thrift;
    struct thrift_field field = { 0 };
    const uint8_t *key = NULL, *value = NULL;
    size_t key_n = 0, value_n = 0;
    while (thrift_next(t, &field)) {
        if (field.id == 1)
            key = thrift_bytes(t, &field, &key_n);
        else if (field.id == 2)
            value = thrift_bytes(t, &field, &value_n);
        else
            thrift_skip(t, &field);
    }
    if (!t->failed && key && value && key_n == 11 && memcmp(key, "huggingface", 11) == 0)
        f->meta->huggingface = arena_strndup(&f->meta->arena, (const char *)value, value_n);
}

static void read_key_values(struct footer *f, const struct thrift_field *field) {
    struct thrift_field element;
    size_t n = thrift_list(&f->thrift, field, &element);
    for (size_t i = 0; i < n && thrift_struct(&f->thrift, &element); i++)
        read_key_value(f);
}

/* How many there really are is what the pages say when they are read; this is only the end of
 * patience, past what any file of a data set has. */
static bool check_rows(struct footer *f, int64_t rows) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < f->meta->n_groups; i++) {
        uint64_t n = f->meta->groups[i].n_rows;
        sum += n <= ROWS_MAX ? n : ROWS_MAX + 1;
    }
    if (rows > ROWS_MAX)
        return err_set(f->err, ERR_UNSUPPORTED,
            "parquet footer: %lld rows are over the ceiling of %lld", (long long)rows, ROWS_MAX);
    return (int64_t)sum == rows ||
           err_set(f->err, ERR_INPUT,
               "parquet footer: the file has %lld rows, but its row groups have %llu together",
               (long long)rows, (unsigned long long)sum);
}

static bool read_footer(struct footer *f, uint64_t limit) {
    struct thrift *t = &f->thrift;
    struct thrift_field field = { 0 };
    int64_t rows = -1;
    while (thrift_next(t, &field)) {
        if (field.id == 2 && !read_schema(f, &field))
            return false;
        if (field.id == 4 && !read_groups(f, &field, limit))
            return false;
        if (field.id == 3)
            rows = thrift_int(t, &field);
        else if (field.id == 5)
            read_key_values(f, &field);
        else if (field.id == 8)
            return err_set(
                f->err, ERR_UNSUPPORTED, "parquet footer: encrypted columns are not read");
        else if (field.id != 2 && field.id != 4)
            thrift_skip(t, &field);
    }
    return t->failed || !f->meta->groups ? bad(f, "cannot be decoded") : check_rows(f, rows);
}

/* Of the last `n` bytes of the file: how long the footer is that ends with them. */
static bool measure(const struct bytes *b, const uint8_t *tail, size_t n, struct footer *f) {
    size_t length = n < MAGIC + TAIL ? 0 : (size_t)little(tail + n - TAIL, 4);
    if (n >= MAGIC + TAIL && memcmp(tail + n - MAGIC, "PARE", MAGIC) == 0)
        return err_set(f->err, ERR_UNSUPPORTED,
            "the parquet footer is encrypted: files with encryption are not read");
    if (n < MAGIC + TAIL || memcmp(tail + n - MAGIC, "PAR1", MAGIC) != 0)
        return err_set(f->err, ERR_INPUT,
            "not a parquet file, or cut off: the magic bytes of its start or footer are missing");
    if (length > b->size - MAGIC - TAIL || length > MAX_FOOTER)
        return err_set(f->err, ERR_INPUT,
            "parquet footer length %zu is over the file's size %llu, or the ceiling of 256 MiB",
            length, (unsigned long long)b->size);
    f->length = length;
    return true;
}

static bool check_start(struct bytes *b, struct err *err) {
    char magic[MAGIC];
    if (!bytes_read(b, 0, magic, MAGIC, err))
        return false;
    return memcmp(magic, "PAR1", MAGIC) == 0 ||
           err_set(err, ERR_INPUT, "not a parquet file: the magic bytes of its start are missing");
}

/* The file's end into *tail (the caller's), at least the footer and what follows it. */
static bool read_tail(
    struct bytes *b, struct footer *f, uint8_t **tail, size_t *n, struct err *err) {
    *n = b->size < GUESS ? (size_t)b->size : GUESS;
    *tail = xmalloc(GUESS);
    if (!bytes_read(b, b->size - *n, *tail, *n, err) || !measure(b, *tail, *n, f))
        return false;
    if (f->length + TAIL <= *n)
        return true;
    *n = f->length + TAIL;
    uint8_t *whole = realloc(*tail, *n);
    if (!whole)
        return err_set(err, ERR_RESOURCE, "could not allocate %zu bytes for the footer", *n);
    *tail = whole;
    return bytes_read(b, b->size - *n, *tail, *n, err);
}

bool pq_meta_open(struct pq_meta *m, struct bytes *bytes, struct err *err) {
    uint8_t *tail = NULL;
    size_t n;
    *m = (struct pq_meta) { .bytes = bytes };
    struct footer f = { .meta = m, .err = err };
    bool ok = read_tail(bytes, &f, &tail, &n, err) && check_start(bytes, err);
    if (ok) {
        const uint8_t *end = tail + n - TAIL;
        f.thrift = (struct thrift) { .at = end - f.length, .end = end };
        ok = read_footer(&f, bytes->size - TAIL - f.length);
    }
    free(tail);
    if (!ok)
        pq_meta_close(m);
    return ok;
}

void pq_meta_close(struct pq_meta *m) {
    arena_release(&m->arena);
    *m = (struct pq_meta) { 0 };
}
