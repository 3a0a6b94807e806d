/* The format "parquet": rows put together from columns (Dremel's record assembly).
 *
 * Each node of the schema takes its part of the row from the columns below it: an optional node
 * that is absent, or an empty list, takes one value from each of them; a list takes elements as
 * long as the repetition level says that it goes on. Lists become arrays (the three-level form and
 * the old two-level ones), structs objects, maps arrays of {"key", "value"}; what values become is
 * said in data.h. Columns that nobody asked for are not read. */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "evaluator/data/decimal.h"
#include "evaluator/data/little.h"
#include "evaluator/data/parquet_column.h"
#include "evaluator/data/reader.h"

/* What all columns' reads take together, and the least and most of one. */
enum { READS_BYTES = 32 << 20, READ_MIN = 64 << 10, READ_MAX = 1 << 20 };

struct parquet {
    struct pq_meta meta;
    struct pq_memory memory;   /* of all columns */
    struct pq_column *columns; /* one a leaf */
    bool *asked;               /* of each node: only what stands in the root counts */
    uint32_t n_asked;          /* of these */
    uint32_t group;            /* the one at hand */
    uint64_t group_row;        /* rows taken from it */
    unsigned long long n_rows; /* given so far */
    struct row *row;           /* being put together */
    json_t *info;              /* the `huggingface` key's value */
};

/* ---- leaves ---- */

static double half(const uint8_t *p) {
    unsigned bits = (unsigned)little(p, 2), exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size = exponent == 0    ? ldexp(fraction, -24)
                  : exponent == 31 ? INFINITY
                                   : ldexp(1024 + fraction, (int)exponent - 25);
    return bits >> 15 ? -size : size;
}

static void push_integer(struct row *row, const struct pq_node *leaf, int64_t i) {
    uint64_t u = leaf->type == PQ_INT32 ? (uint32_t)i : (uint64_t)i;
    if (leaf->meaning == PQ_DECIMAL)
        row_real(row, decimal_from_int(i, leaf->scale));
    else if (leaf->meaning == PQ_UNSIGNED && u > INT64_MAX)
        row_real(row, (double)u);
    else
        row_int(row, leaf->meaning == PQ_UNSIGNED ? (int64_t)u : i);
}

/* Bytes stay where they are until the row has been used, where the column gives one value a row or
 * they are in a dictionary. */
static void push_text(struct row *row, const struct pq_column *c, const struct pq_value *v) {
    if (c->leaf->max_rep == 0 || c->values.dictionary)
        row_refer(row, (const char *)v->bytes, v->n);
    else
        row_copy(row, (const char *)v->bytes, v->n);
}

/* 8, 4, 4, 4 and 12 digits. */
static void push_uuid(struct row *row, const uint8_t bytes[16]) {
    enum { LENGTH = 36 };
    static const char digits[] = "0123456789abcdef";
    char *text = row_text(row, LENGTH), *to = text;
    for (int i = 0; text && i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    row_view(row, text, text ? LENGTH : 0);
}

static bool is_text(const struct pq_value *v) {
    return v->text == PQ_TEXT_UNKNOWN ? utf8_valid((const char *)v->bytes, v->n)
                                      : v->text == PQ_TEXT_YES;
}

static bool push_bytes(
    struct row *row, const struct pq_column *c, const struct pq_value *v, struct err *err) {
    const struct pq_node *leaf = c->leaf;
    if (leaf->meaning == PQ_DECIMAL)
        row_real(row, decimal_from_bytes(v->bytes, v->n, leaf->scale));
    else if (leaf->meaning == PQ_FLOAT16 && v->n == 2)
        row_real(row, half(v->bytes));
    else if (leaf->meaning == PQ_UUID && v->n == 16)
        push_uuid(row, v->bytes);
    else if (v->n > ROW_MAX_BYTES)
        return pq_column_bad(c, err, "a value is over the ceiling of 16 MiB");
    else if (is_text(v))
        push_text(row, c, v);
    else if (leaf->meaning != PQ_STRING)
        row_push(row, VALUE_NULL);
    else
        return pq_column_bad(c, err, "page holds a string that is not UTF-8");
    return true;
}

static bool leaf_value(struct parquet *p, const struct pq_node *node, struct err *err) {
    struct pq_column *c = &p->columns[node->first_leaf];
    struct pq_value v = { 0 };
    bool present;
    if (!pq_column_take(c, &present, &v, err))
        return false;
    if (!present) {
        row_push(p->row, VALUE_NULL);
        return true;
    }
    switch (node->type) {
    case PQ_BOOLEAN:
        row_push(p->row, v.i ? VALUE_TRUE : VALUE_FALSE);
        return true;
    case PQ_INT32:
    case PQ_INT64:
    case PQ_INT96:
        push_integer(p->row, node, v.i);
        return true;
    case PQ_FLOAT:
    case PQ_DOUBLE:
        row_real(p->row, v.d);
        return true;
    default:
        return push_bytes(p->row, c, &v, err);
    }
}

/* ---- assembly ---- */

static bool row_fits(const struct parquet *p, const struct pq_column *c, struct err *err) {
    return !p->row->overflow ||
           pq_column_bad(c, err, "the row is over the ceiling of 16 MiB, or of 4194304 values");
}

/* One value from each column below: what stands for something that is not there. */
static bool take_absent(struct parquet *p, const struct pq_node *node, struct err *err) {
    struct pq_value v;
    for (uint32_t i = 0; i < node->n_leaves; i++) {
        struct pq_column *c = &p->columns[node->first_leaf + i];
        bool present;
        if (!pq_column_take(c, &present, &v, err))
            return false;
        if (present)
            return pq_column_bad(c, err, "page levels of a row do not fit together");
    }
    return true;
}

/* 1: the node is there in this row, 0: it isn't, -1: failure. */
static int is_there(struct parquet *p, const struct pq_node *node, struct err *err) {
    struct pq_column *c = &p->columns[node->first_leaf];
    if (pq_column_peek(c, err))
        return c->def >= node->max_def;
    if (c->left == 0)
        pq_column_bad(c, err, "page data ends before the rows do");
    return -1;
}

static bool node_value(struct parquet *p, const struct pq_node *node, struct err *err);
static bool node_content(struct parquet *p, const struct pq_node *node, struct err *err);

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
static bool repeated_value(
    struct parquet *p, const struct pq_node *node, const struct pq_node *element, struct err *err) {
    struct pq_column *c = &p->columns[node->first_leaf];
    size_t begun = row_begin(p->row, VALUE_ARRAY), n = 0;
    int there = is_there(p, node, err);
    bool ok = there > 0 || (there == 0 && take_absent(p, node, err));
    for (; ok && there > 0; n++) {
        ok = element == node ? node_content(p, node, err) : node_value(p, element, err);
        there = ok && pq_column_peek(c, err) && c->rep == node->max_rep;
        ok = ok && (c->loaded || c->left == 0) && row_fits(p, c, err);
    }
    row_end(p->row, begun, n);
    return ok;
}

static bool struct_value(struct parquet *p, const struct pq_node *node, struct err *err) {
    const bool *asked = node == p->meta.nodes ? p->asked : NULL; /* of the root's columns */
    size_t begun = row_begin(p->row, VALUE_OBJECT);
    const struct pq_node *child = node + 1;
    for (uint32_t i = 0; i < node->n_children; i++, child = &p->meta.nodes[child->end]) {
        if (asked && !asked[child - p->meta.nodes])
            continue;
        row_refer(p->row, child->name, child->name_n);
        if (!node_value(p, child, err) || !row_fits(p, &p->columns[child->first_leaf], err))
            return false;
    }
    row_end(p->row, begun, asked ? p->n_asked : node->n_children);
    return true;
}

static bool node_content(struct parquet *p, const struct pq_node *node, struct err *err) {
    if (node->leaf)
        return leaf_value(p, node, err);
    const struct pq_node *child = node + 1;
    bool wraps = node->n_children == 1 && child->repetition == PQ_REPEATED;
    if (wraps && node->meaning == PQ_LIST)
        return repeated_value(p, child, list_element(child, node->name), err);
    if (wraps && node->meaning == PQ_MAP)
        return repeated_value(p, child, child, err);
    return struct_value(p, node, err);
}

static bool node_value(struct parquet *p, const struct pq_node *node, struct err *err) {
    if (node->repetition == PQ_REPEATED)
        return repeated_value(p, node, node, err);
    if (node->repetition == PQ_REQUIRED || node->leaf)
        return node_content(p, node, err);
    int there = is_there(p, node, err);
    if (there > 0)
        return node_content(p, node, err);
    if (there < 0 || !take_absent(p, node, err))
        return false;
    row_push(p->row, VALUE_NULL);
    return true;
}

/* ---- the reader ---- */

static bool is_asked(const struct parquet *p, uint32_t leaf) {
    const struct pq_node *nodes = p->meta.nodes;
    for (const struct pq_node *n = nodes + 1; n < nodes + p->meta.n_nodes; n = nodes + n->end)
        if (leaf - n->first_leaf < n->n_leaves)
            return p->asked[n - nodes];
    return false;
}

/* The column called `name`; false where there is none. */
static bool ask_for(struct parquet *p, const char *name) {
    const struct pq_node *nodes = p->meta.nodes;
    for (const struct pq_node *n = nodes + 1; n < nodes + p->meta.n_nodes; n = nodes + n->end)
        if (strcmp(n->name, name) == 0)
            return p->asked[n - nodes] = true;
    return false;
}

/* Nothing wanted is a task that does not look at its rows, or hides what it looks at: all of it. */
static void ask_for_wanted(struct parquet *p, const struct reader_input *input) {
    const struct pq_node *nodes = p->meta.nodes;
    bool any = false;
    for (const struct pq_node *n = nodes + 1; n < nodes + p->meta.n_nodes; n = nodes + n->end) {
        p->asked[n - nodes] = !input->wants || input->wants(input->wants_arg, n->name, n->name_n);
        any = any || p->asked[n - nodes];
    }
    if (!any)
        memset(p->asked, 1, p->meta.n_nodes * sizeof *p->asked);
}

static bool choose_columns(struct parquet *p, const struct reader_input *input, struct err *err) {
    p->asked = xcalloc(p->meta.n_nodes, sizeof *p->asked);
    if (!input->columns)
        ask_for_wanted(p, input);
    for (const char *const *c = input->columns; c && *c; c++)
        if (!ask_for(p, *c))
            return err_set(err, ERR_INPUT, "there is no column '%.100s'", *c);
    const struct pq_node *nodes = p->meta.nodes;
    for (const struct pq_node *n = nodes + 1; n < nodes + p->meta.n_nodes; n = nodes + n->end)
        p->n_asked += p->asked[n - nodes];
    return true;
}

static const char *parquet_left_out(const void *reader, size_t i) {
    const struct parquet *p = reader;
    const struct pq_node *nodes = p->meta.nodes;
    for (const struct pq_node *n = nodes + 1; n < nodes + p->meta.n_nodes; n = nodes + n->end)
        if (!p->asked[n - nodes] && i-- == 0)
            return n->name;
    return NULL;
}

static void open_columns(struct parquet *p) {
    uint32_t n = p->meta.n_leaves, n_read = 0;
    p->columns = xcalloc(n, sizeof *p->columns);
    for (uint32_t i = 0; i < n; i++)
        n_read += is_asked(p, i);
    size_t share = READS_BYTES / (n_read ? n_read : 1);
    share = share < READ_MIN ? READ_MIN : share > READ_MAX ? READ_MAX : share;
    for (uint32_t i = 0; i < n; i++)
        if (is_asked(p, i))
            pq_column_init(&p->columns[i], &p->meta.nodes[p->meta.leaves[i]], p->meta.bytes,
                &p->memory, share);
}

static void start_group(struct parquet *p) {
    p->group_row = 0;
    for (uint32_t i = 0; p->group < p->meta.n_groups && i < p->meta.n_leaves; i++)
        if (p->columns[i].leaf)
            pq_column_start(&p->columns[i], &p->meta.groups[p->group].chunks[i], p->group + 1);
}

static void parquet_close(void *reader) {
    struct parquet *p = reader;
    for (uint32_t i = 0; p->columns && i < p->meta.n_leaves; i++)
        pq_column_release(&p->columns[i]);
    free(p->columns);
    free(p->asked);
    json_decref(p->info);
    pq_meta_close(&p->meta);
    free(p);
}

static void *parquet_open(const struct reader_input *input, struct err *err) {
    struct parquet *p = xcalloc(1, sizeof *p);
    if (!pq_meta_open(&p->meta, input->bytes, err) || !choose_columns(p, input, err)) {
        parquet_close(p);
        return NULL;
    }
    open_columns(p);
    if (p->meta.huggingface) /* a helper for labels: what cannot be read is left */
        p->info = json_loads(p->meta.huggingface, 0, NULL);
    start_group(p);
    return p;
}

/* Every column must stand at the beginning of a row. */
static bool lined_up(struct parquet *p, struct err *err) {
    for (uint32_t i = 0; i < p->meta.n_leaves; i++) {
        struct pq_column *c = &p->columns[i];
        if (!c->leaf)
            continue;
        if (!pq_column_peek(c, err) && c->left > 0)
            return false;
        if (!c->loaded || c->rep != 0)
            return pq_column_bad(c, err, "page data and rows do not line up");
    }
    return true;
}

/* What follows the last row of a group belongs to no row: it is a list that went on. */
static bool used_up(const struct parquet *p, struct err *err) {
    for (uint32_t i = 0; i < p->meta.n_leaves; i++)
        if (p->columns[i].leaf && p->columns[i].left > 0)
            return pq_column_bad(&p->columns[i], err, "there are more values than rows");
    return true;
}

/* Moves on to a group that has rows; false at the end and on failure. */
static bool find_group(struct parquet *p, struct err *err) {
    while (p->group < p->meta.n_groups && p->group_row == p->meta.groups[p->group].n_rows) {
        if (!used_up(p, err))
            return false;
        p->group++;
        start_group(p);
    }
    return p->group < p->meta.n_groups;
}

static bool parquet_next(void *reader, struct row *row, struct err *err) {
    struct parquet *p = reader;
    p->row = row;
    if (!find_group(p, err))
        return false;
    if (!lined_up(p, err) || !struct_value(p, &p->meta.nodes[0], err))
        return err_wrap(err, "row %llu", p->n_rows + 1);
    p->n_rows++;
    p->group_row++;
    return true;
}

/* Whole row groups go by untouched; of another one each column skips for itself. */
static bool parquet_leap(void *reader, uint64_t n, uint64_t *skipped, struct err *err) {
    struct parquet *p = reader;
    if (!find_group(p, err))
        return false;
    uint64_t left = p->meta.groups[p->group].n_rows - p->group_row;
    *skipped = n < left ? n : left;
    if (n >= left) {
        p->group++;
        start_group(p);
    }
    for (uint32_t i = 0; n < left && i < p->meta.n_leaves; i++)
        if (p->columns[i].leaf && !pq_column_skip(&p->columns[i], n, err))
            return err_wrap(err, "behind row %llu", p->n_rows);
    p->group_row += n < left ? n : 0;
    p->n_rows += *skipped;
    return true;
}

static const json_t *parquet_features(const void *reader) {
    const struct parquet *p = reader;
    return json_object_get(json_object_get(p->info, "info"), "features");
}

const struct reader_type reader_parquet = {
    .name = "parquet",
    .open = parquet_open,
    .next = parquet_next,
    .leap = parquet_leap,
    .left_out = parquet_left_out,
    .features = parquet_features,
    .close = parquet_close,
};
