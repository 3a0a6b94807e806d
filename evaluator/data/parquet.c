/* The format "parquet": rows put together from columns (Dremel's record assembly).
 *
 * Each node of the schema takes its part of the row from the columns below it: an optional node
 * that is absent, or an empty list, takes one value from each of them; a list takes elements as
 * long as the repetition level says that it goes on. Lists become arrays (the three-level form and
 * the old two-level ones), structs objects, maps arrays of
 * {"key", "value"}. Numbers, strings and booleans become what they are; decimals numbers; dates and
 * times stay the integers that are stored; bytes that are not text, NaN and infinities, which JSON
 * has no form for, become null. */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "evaluator/data/parquet_column.h"
#include "evaluator/data/reader.h"

struct parquet {
    struct pq_meta meta;
    struct pq_column *columns; /* one a leaf */
    uint32_t group;            /* the one at hand */
    uint64_t group_row;        /* rows taken from it */
    unsigned long long row;    /* rows given so far */
    json_t *info;              /* the `huggingface` key's value */
};

/* ---- leaves ---- */

static json_t *real_or_null(double d) {
    return isfinite(d) ? json_real(d) : json_null();
}

static double half(const uint8_t *p) {
    unsigned bits = p[0] | (unsigned)p[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size = exponent == 0    ? ldexp(fraction, -24)
                  : exponent == 31 ? INFINITY
                                   : ldexp(1024 + fraction, (int)exponent - 25);
    return bits >> 15 ? -size : size;
}

/* Big-endian two's complement of any length. */
static double decimal_bytes(const struct pq_value *v) {
    double d = v->n > 0 && v->bytes[0] >= 128 ? -1 : 0;
    for (size_t i = 0; i < v->n; i++)
        d = d * 256 + v->bytes[i];
    return d;
}

static json_t *integer(const struct pq_node *leaf, int64_t i) {
    if (leaf->meaning == PQ_DECIMAL)
        return real_or_null((double)i / pow(10, leaf->scale));
    if (leaf->meaning != PQ_UNSIGNED)
        return json_integer(i);
    uint64_t u = leaf->type == PQ_INT32 ? (uint32_t)i : (uint64_t)i;
    return u <= INT64_MAX ? json_integer((json_int_t)u) : json_real((double)u);
}

static json_t *text(const struct pq_node *leaf, const struct pq_value *v, struct err *err) {
    const char *bytes = (const char *)v->bytes;
    if (leaf->meaning == PQ_DECIMAL)
        return real_or_null(decimal_bytes(v) / pow(10, leaf->scale));
    if (leaf->meaning == PQ_FLOAT16 && v->n == 2)
        return real_or_null(half(v->bytes));
    if (v->n > ROW_MAX_BYTES)
        err_set(err, ERR_INPUT, "column '%.100s': value is over the ceiling of %d bytes",
            leaf->name, ROW_MAX_BYTES);
    else if (utf8_valid(bytes, v->n))
        return json_stringn_nocheck(bytes, v->n);
    else if (leaf->meaning != PQ_STRING)
        return json_null();
    else
        err_set(
            err, ERR_INPUT, "column '%.100s': page holds a string that is not UTF-8", leaf->name);
    return NULL;
}

static json_t *leaf_value(struct pq_column *c, struct err *err) {
    struct pq_value v = { 0 };
    bool present;
    if (!pq_column_take(c, &present, &v, err))
        return NULL;
    if (!present)
        return json_null();
    switch (c->leaf->type) {
    case PQ_BOOLEAN:
        return json_boolean(v.i);
    case PQ_INT32:
    case PQ_INT64:
    case PQ_INT96:
        return integer(c->leaf, v.i);
    case PQ_FLOAT:
    case PQ_DOUBLE:
        return real_or_null(v.d);
    default:
        return text(c->leaf, &v, err);
    }
}

/* ---- assembly ---- */

/* One value from each column below: what stands for something that is not there. */
static bool take_absent(struct parquet *p, const struct pq_node *node, struct err *err) {
    struct pq_value v;
    for (uint32_t i = 0; i < node->n_leaves; i++) {
        struct pq_column *c = &p->columns[node->first_leaf + i];
        bool present;
        if (!pq_column_take(c, &present, &v, err))
            return false;
        if (present)
            return err_set(err, ERR_INPUT,
                "column '%.100s': page levels of a row do not fit together", c->leaf->name);
    }
    return true;
}

/* 1: the node is there in this row, 0: it isn't, -1: failure. */
static int is_there(struct parquet *p, const struct pq_node *node, struct err *err) {
    struct pq_column *c = &p->columns[node->first_leaf];
    if (pq_column_peek(c, err))
        return c->def >= node->max_def;
    if (c->left == 0)
        err_set(
            err, ERR_INPUT, "column '%.100s': page data ends before the rows do", c->leaf->name);
    return -1;
}

static json_t *node_value(struct parquet *p, const struct pq_node *node, struct err *err);
static json_t *node_content(struct parquet *p, const struct pq_node *node, struct err *err);

/* The element of a repeated node inside a LIST: its only child, unless an old writer left that
 * level out. */
static const struct pq_node *list_element(const struct pq_node *repeated, const char *list_name) {
    size_t n = strlen(list_name);
    bool tuple =
        strncmp(repeated->name, list_name, n) == 0 && strcmp(repeated->name + n, "_tuple") == 0;
    return repeated->n_children == 1 && strcmp(repeated->name, "array") != 0 && !tuple
               ? repeated + 1
               : repeated;
}

/* The elements of a repeated node. `element` is the node itself or its only child. */
static json_t *repeated_value(
    struct parquet *p, const struct pq_node *node, const struct pq_node *element, struct err *err) {
    struct pq_column *c = &p->columns[node->first_leaf];
    json_t *array = json_array();
    int there = is_there(p, node, err);
    bool ok = there > 0 || (there == 0 && take_absent(p, node, err));
    while (ok && there > 0) {
        json_t *item = element == node ? node_content(p, node, err) : node_value(p, element, err);
        ok = item && json_array_append_new(array, item) == 0;
        there = ok && pq_column_peek(c, err) && c->rep == node->max_rep;
        ok = ok && (c->loaded || c->left == 0);
    }
    if (ok)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *struct_value(struct parquet *p, const struct pq_node *node, struct err *err) {
    json_t *object = json_object();
    const struct pq_node *child = node + 1;
    for (uint32_t i = 0; i < node->n_children; i++) {
        json_t *value = node_value(p, child, err);
        if (!value || json_object_set_new(object, child->name, value) != 0) {
            if (value) /* jansson refuses a name that is not UTF-8 */
                err_set(err, ERR_INPUT, "the name of a column is not text");
            json_decref(object);
            return NULL;
        }
        child = &p->meta.nodes[child->end];
    }
    return object;
}

static json_t *node_content(struct parquet *p, const struct pq_node *node, struct err *err) {
    if (node->leaf)
        return leaf_value(&p->columns[node->first_leaf], err);
    const struct pq_node *child = node + 1;
    bool wraps = node->n_children == 1 && child->repetition == PQ_REPEATED;
    if (wraps && node->meaning == PQ_LIST)
        return repeated_value(p, child, list_element(child, node->name), err);
    if (wraps && node->meaning == PQ_MAP)
        return repeated_value(p, child, child, err);
    return struct_value(p, node, err);
}

static json_t *node_value(struct parquet *p, const struct pq_node *node, struct err *err) {
    if (node->repetition == PQ_REPEATED)
        return repeated_value(p, node, node, err);
    if (node->repetition == PQ_REQUIRED || node->leaf)
        return node_content(p, node, err);
    int there = is_there(p, node, err);
    if (there > 0)
        return node_content(p, node, err);
    return there == 0 && take_absent(p, node, err) ? json_null() : NULL;
}

/* ---- the reader ---- */

static void parquet_close(void *reader) {
    struct parquet *p = reader;
    for (uint32_t i = 0; p->columns && i < p->meta.n_leaves; i++)
        pq_column_release(&p->columns[i]);
    free(p->columns);
    json_decref(p->info);
    pq_meta_close(&p->meta);
    free(p);
}

static void start_group(struct parquet *p) {
    p->group_row = 0;
    for (uint32_t i = 0; p->group < p->meta.n_groups && i < p->meta.n_leaves; i++)
        pq_column_start(&p->columns[i], &p->meta, &p->meta.groups[p->group].chunks[i]);
}

static void *parquet_open(const char *path, struct err *err) {
    struct parquet *p = xcalloc(1, sizeof *p);
    if (!pq_meta_open(&p->meta, path, err)) {
        free(p);
        return NULL;
    }
    p->columns = xcalloc(p->meta.n_leaves, sizeof *p->columns);
    for (uint32_t i = 0; i < p->meta.n_leaves; i++)
        pq_column_init(&p->columns[i], &p->meta.nodes[p->meta.leaves[i]]);
    if (p->meta.huggingface) /* a helper for labels: what cannot be read is left */
        p->info = json_loads(p->meta.huggingface, 0, NULL);
    start_group(p);
    return p;
}

/* Every column must stand at the beginning of a row. */
static bool lined_up(struct parquet *p, struct err *err) {
    for (uint32_t i = 0; i < p->meta.n_leaves; i++) {
        struct pq_column *c = &p->columns[i];
        if (!pq_column_peek(c, err) && c->left > 0)
            return false;
        if (!c->loaded || c->rep != 0)
            return err_set(err, ERR_INPUT, "column '%.100s': page data and rows do not line up",
                c->leaf->name);
    }
    return true;
}

static json_t *parquet_next(void *reader, struct err *err) {
    struct parquet *p = reader;
    while (p->group < p->meta.n_groups && p->group_row == p->meta.groups[p->group].n_rows) {
        p->group++;
        start_group(p);
    }
    if (p->group == p->meta.n_groups)
        return NULL;
    json_t *row = lined_up(p, err) ? struct_value(p, &p->meta.nodes[0], err) : NULL;
    if (!row) {
        err_wrap(err, "row %llu", p->row + 1);
        return NULL;
    }
    p->row++;
    p->group_row++;
    return row;
}

static const json_t *parquet_features(const void *reader) {
    const struct parquet *p = reader;
    return json_object_get(json_object_get(p->info, "info"), "features");
}

const struct reader_type reader_parquet = {
    .name = "parquet",
    .open = parquet_open,
    .next = parquet_next,
    .features = parquet_features,
    .close = parquet_close,
};
