/* Finds the tensors that the spec names in the file and holds them against the shapes that the spec
 * gives them. After this nothing about the file can surprise: the sum of all sizes is bounded by
 * tensors that are really there. */
#include <math.h>
#include <string.h>

#include "base/strbuf.h"
#include "harness/model/net.h"

static const enum part_kind part_kinds[ROLE_N] = {
    [ROLE_EMBED] = PART_TABLE,
    [ROLE_POSITION] = PART_TABLE,
    [ROLE_TOKEN_TYPE] = PART_TABLE,
    [ROLE_TASK_TYPE] = PART_TABLE,
    [ROLE_EMBED_PROJECT] = PART_MATRIX,
    [ROLE_BUCKETS] = PART_HOST,
    [ROLE_DISTANCES] = PART_TABLE,
    [ROLE_CONV] = PART_MATRIX,
    [ROLE_HEAD_PROJECT] = PART_MATRIX,
    [ROLE_HEAD_DENSE] = PART_MATRIX,
    [ROLE_HEAD] = PART_MATRIX,
    [ROLE_CLASS_DENSE] = PART_MATRIX,
    [ROLE_CLASS_OUT] = PART_MATRIX,
    [ROLE_Q_DOWN] = PART_MATRIX,
    [ROLE_KV_DOWN] = PART_MATRIX,
    [ROLE_K_SHARED] = PART_MATRIX,
    [ROLE_Q] = PART_MATRIX,
    [ROLE_K] = PART_MATRIX,
    [ROLE_V] = PART_MATRIX,
    [ROLE_ATTN_GATE] = PART_MATRIX,
    [ROLE_SINKS] = PART_HOST,
    [ROLE_DISTANCE_K] = PART_MATRIX,
    [ROLE_DISTANCE_Q] = PART_MATRIX,
    [ROLE_O] = PART_MATRIX,
    [ROLE_MIX_IN] = PART_MATRIX,
    [ROLE_MIX_ENTRY] = PART_MATRIX,
    [ROLE_MIX_GATE] = PART_MATRIX,
    [ROLE_MIX_STEP_DOWN] = PART_MATRIX,
    [ROLE_MIX_STEP] = PART_MATRIX,
    [ROLE_MIX_WEIGHT] = PART_MATRIX,
    [ROLE_MIX_B] = PART_MATRIX,
    [ROLE_MIX_C] = PART_MATRIX,
    [ROLE_MIX_OUT] = PART_MATRIX,
    [ROLE_MIX_STEP_FROM] = PART_HOST,
    [ROLE_MIX_TAPS] = PART_HOST,
    [ROLE_MIX_TAPS_BIAS] = PART_HOST,
    [ROLE_MIX_A] = PART_HOST,
    [ROLE_MIX_D] = PART_HOST,
    [ROLE_CROSS_Q] = PART_MATRIX,
    [ROLE_CROSS_K] = PART_MATRIX,
    [ROLE_CROSS_V] = PART_MATRIX,
    [ROLE_CROSS_O] = PART_MATRIX,
    [ROLE_UP] = PART_MATRIX,
    [ROLE_GATE] = PART_MATRIX,
    [ROLE_DOWN] = PART_MATRIX,
    [ROLE_CURVE_ABOVE] = PART_HOST,
    [ROLE_CURVE_BELOW] = PART_HOST,
    [ROLE_CURVE_LINEAR] = PART_HOST,
    [ROLE_CURVE_EDGE] = PART_HOST,
    [ROLE_ROUTER] = PART_MATRIX,
    [ROLE_ROUTER_CHOICE_BIAS] = PART_HOST,
    [ROLE_SHARED_UP] = PART_MATRIX,
    [ROLE_SHARED_GATE] = PART_MATRIX,
    [ROLE_SHARED_DOWN] = PART_MATRIX,
    [ROLE_SHARED_WEIGHT] = PART_MATRIX,
    [ROLE_EXPERT_UP] = PART_MATRIX,
    [ROLE_EXPERT_GATE] = PART_MATRIX,
    [ROLE_EXPERT_DOWN] = PART_MATRIX,
};

enum part_kind role_part(enum role role) {
    return part_kinds[role];
}

/* Rows and columns of a role; columns 0: a vector. */
struct shape {
    uint32_t rows, cols;
};

static struct shape attention_shape(const struct spec *s, enum role role) {
    uint32_t q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim, c = s->width;
    switch (role) {
    case ROLE_Q:
        return (struct shape) { q, s->q_rank ? s->q_rank : c };
    case ROLE_K:
    case ROLE_V:
        return (struct shape) { kv, s->kv_rank ? s->kv_rank : c };
    case ROLE_ATTN_GATE:
        return (struct shape) { q, c };
    case ROLE_ATTN_GATE_BIAS:
        return (struct shape) { q, 0 };
    case ROLE_O:
    case ROLE_CROSS_O:
        return (struct shape) { c, q };
    case ROLE_Q_DOWN:
        return (struct shape) { s->q_rank, c };
    case ROLE_KV_DOWN:
        return (struct shape) { s->kv_rank, c };
    case ROLE_K_SHARED:
        return (struct shape) { s->rope.dim, c };
    case ROLE_Q_DOWN_BIAS:
    case ROLE_Q_DOWN_NORM:
        return (struct shape) { s->q_rank, 0 };
    case ROLE_KV_DOWN_BIAS:
    case ROLE_KV_DOWN_NORM:
        return (struct shape) { s->kv_rank, 0 };
    case ROLE_K_SHARED_BIAS:
        return (struct shape) { s->rope.dim, 0 };
    case ROLE_Q_NORM:
    case ROLE_Q_NORM_BIAS:
        return (struct shape) { s->heads_normed ? s->head_dim : q, 0 };
    case ROLE_K_NORM:
    case ROLE_K_NORM_BIAS:
        return (struct shape) { s->heads_normed ? s->head_dim : kv, 0 };
    case ROLE_SINKS:
        return (struct shape) { s->n_heads, 0 };
    case ROLE_BUCKETS:
        return (struct shape) { s->bias.buckets, s->n_heads };
    case ROLE_DISTANCE_K:
    case ROLE_DISTANCE_Q:
    case ROLE_CROSS_Q:
        return (struct shape) { q, c };
    case ROLE_CROSS_K:
    case ROLE_CROSS_V:
        return (struct shape) { kv, c };
    case ROLE_Q_BIAS:
    case ROLE_CROSS_Q_BIAS:
    case ROLE_DISTANCE_K_BIAS:
    case ROLE_DISTANCE_Q_BIAS:
        return (struct shape) { q, 0 };
    case ROLE_K_BIAS:
    case ROLE_V_BIAS:
    case ROLE_CROSS_K_BIAS:
    case ROLE_CROSS_V_BIAS:
        return (struct shape) { kv, 0 };
    default:
        return (struct shape) { c, 0 };
    }
}

/* Channels and state stand side by side in a row of the cache: what fills only one of them is
 * packed with zeros for the other. */
static struct shape mixing_shape(const struct spec *s, enum role role) {
    const struct mixing *m = &s->mixing;
    uint32_t n = m->channels, row = mixing_slot_width(m), convolved = mixing_convolved(m);
    bool heads = m->heads > 0;
    switch (role) {
    case ROLE_MIX_IN:
        return (struct shape) { m->corrects ? n : row, s->width };
    case ROLE_MIX_IN_BIAS:
        return (struct shape) { m->corrects ? n : row, 0 };
    case ROLE_MIX_ENTRY:
    case ROLE_MIX_GATE:
        return (struct shape) { n, s->width };
    case ROLE_MIX_TAPS:
        return (struct shape) { convolved, m->taps };
    case ROLE_MIX_TAPS_BIAS:
        return (struct shape) { convolved, 0 };
    case ROLE_MIX_STEP_DOWN:
        return (struct shape) { m->rank, n };
    case ROLE_MIX_STEP_NORM:
        return (struct shape) { m->rank, 0 };
    case ROLE_MIX_STEP:
        return heads ? (struct shape) { m->heads, s->width } : (struct shape) { row, m->rank };
    case ROLE_MIX_STEP_BIAS:
        return (struct shape) { heads ? m->heads : row, 0 };
    case ROLE_MIX_STEP_FROM:
        return (struct shape) { m->heads, 0 };
    case ROLE_MIX_WEIGHT:
        return (struct shape) { m->heads, s->width };
    case ROLE_MIX_B:
    case ROLE_MIX_C:
        return m->corrects ? (struct shape) { m->groups * m->state, s->width }
                           : (struct shape) { m->state, n };
    case ROLE_MIX_NORM:
        return (struct shape) { m->corrects ? n / m->norm_groups : n, 0 };
    case ROLE_MIX_B_NORM:
    case ROLE_MIX_C_NORM:
        return (struct shape) { m->state, 0 };
    case ROLE_MIX_A:
        return heads ? (struct shape) { m->heads, 0 } : (struct shape) { n, m->state };
    case ROLE_MIX_D:
        return (struct shape) { heads ? m->heads : n, 0 };
    case ROLE_MIX_OUT:
        return (struct shape) { s->width, n };
    case ROLE_MIX_OUT_BIAS:
        return (struct shape) { s->width, 0 };
    default:
        return (struct shape) { n, 0 };
    }
}

static struct shape feed_forward_shape(const struct spec *s, enum role role) {
    uint32_t c = s->width, f = s->ffn_width, e = s->experts.ffn_width, x = s->experts.shared_width;
    switch (role) {
    case ROLE_UP:
    case ROLE_GATE:
        return (struct shape) { f, c };
    case ROLE_UP_BIAS:
    case ROLE_GATE_BIAS:
        return (struct shape) { f, 0 };
    case ROLE_DOWN:
        return (struct shape) { c, f };
    case ROLE_CURVE_ABOVE:
    case ROLE_CURVE_BELOW:
    case ROLE_CURVE_LINEAR:
    case ROLE_CURVE_EDGE:
        return (struct shape) { 1, 0 };
    case ROLE_ROUTER:
        return (struct shape) { s->experts.n, c };
    case ROLE_ROUTER_BIAS:
    case ROLE_ROUTER_CHOICE_BIAS:
        return (struct shape) { s->experts.n, 0 };
    case ROLE_SHARED_UP:
    case ROLE_SHARED_GATE:
        return (struct shape) { x, c };
    case ROLE_SHARED_UP_BIAS:
    case ROLE_SHARED_GATE_BIAS:
        return (struct shape) { x, 0 };
    case ROLE_SHARED_DOWN:
        return (struct shape) { c, x };
    case ROLE_SHARED_WEIGHT:
        return (struct shape) { 1, c };
    case ROLE_EXPERT_UP:
    case ROLE_EXPERT_GATE:
        return (struct shape) { e, c };
    case ROLE_EXPERT_UP_BIAS:
    case ROLE_EXPERT_GATE_BIAS:
        return (struct shape) { e, 0 };
    case ROLE_EXPERT_DOWN:
        return (struct shape) { c, e };
    default:
        return (struct shape) { c, 0 };
    }
}

static struct shape global_shape(const struct spec *s, enum role role) {
    uint32_t c = s->width, e = s->embed_width, beside = s->projected_first ? c : e;
    switch (role) {
    case ROLE_EMBED:
        return (struct shape) { s->n_vocab, e };
    case ROLE_POSITION:
        return (struct shape) { s->n_positions, beside };
    case ROLE_TOKEN_TYPE:
        return (struct shape) { s->n_token_types, beside };
    case ROLE_TASK_TYPE:
        return (struct shape) { s->n_task_types, beside };
    case ROLE_EMBED_NORM:
    case ROLE_EMBED_NORM_BIAS:
        return (struct shape) { s->embed_normed == NORMED_PROJECTED ? c : beside, 0 };
    case ROLE_EMBED_PROJECT:
        return (struct shape) { c, e };
    case ROLE_DISTANCES:
        return (struct shape) { 2 * s->bias.buckets, c };
    case ROLE_CONV:
        return (struct shape) { c, c * s->convolution.taps };
    case ROLE_HEAD_PROJECT:
        return (struct shape) { e, c };
    case ROLE_HEAD:
        return (struct shape) { s->n_vocab, spec_hidden_width(s) };
    case ROLE_HEAD_BIAS:
        return (struct shape) { s->n_vocab, 0 };
    case ROLE_HEAD_DENSE:
    case ROLE_CLASS_DENSE:
        return (struct shape) { c, c };
    case ROLE_CLASS_OUT:
        return (struct shape) { s->n_labels, spec_hidden_width(s) };
    case ROLE_CLASS_OUT_BIAS:
        return (struct shape) { s->n_labels, 0 };
    default:
        return (struct shape) { c, 0 };
    }
}

uint32_t spec_hidden_width(const struct spec *s) {
    return s->roles[ROLE_HEAD_PROJECT].n ? s->embed_width : s->width;
}

static struct shape shape_of(const struct spec *s, enum role role) {
    if (role < ROLE_FIRST_OF_LAYER)
        return global_shape(s, role);
    if (role >= ROLE_MIX_IN && role <= ROLE_MIX_OUT_BIAS)
        return mixing_shape(s, role);
    return role < ROLE_UP ? attention_shape(s, role) : feed_forward_shape(s, role);
}

void role_shape(const struct spec *s, enum role role, uint32_t *rows, uint32_t *cols) {
    struct shape shape = shape_of(s, role);
    *rows = shape.rows;
    *cols = shape.cols ? shape.cols : 1;
}

bool mixing_is_padded(const struct spec *s, enum role role) {
    bool steps = role == ROLE_MIX_STEP || role == ROLE_MIX_STEP_BIAS;
    if (s->mixing.corrects) /* its parts are spread into a row */
        return false;
    return role == ROLE_MIX_IN || role == ROLE_MIX_IN_BIAS || (steps && s->mixing.heads == 0);
}

uint32_t mixing_filled(const struct spec *s, enum role role) {
    bool in = role == ROLE_MIX_IN || role == ROLE_MIX_IN_BIAS;
    return in ? mixing_convolved(&s->mixing) : s->mixing.channels;
}

/* Rows of the file up to the end of the last run: zeros that follow a run are not in it. */
static uint32_t rows_of_runs(const struct role_names *names, uint32_t rows) {
    uint32_t n = rows / (names->run + names->pad);
    return n ? names->from + (n - 1) * names->every + names->run : names->from;
}

/* The numbers that the file must hold for a role: heads whose values are narrower than their keys
 * are filled with zeros as they are packed. */
static struct shape shape_in_file(const struct spec *s, enum role role) {
    const struct role_names *names = &s->roles[role];
    struct shape shape = shape_of(s, role);
    if (names->run && names->pad)
        shape.rows = rows_of_runs(names, shape.rows);
    else if (s->value_dim < s->head_dim && (role == ROLE_V || role == ROLE_V_BIAS))
        shape.rows = shape.rows / s->head_dim * s->value_dim;
    if (mixing_is_padded(s, role))
        shape.rows = mixing_filled(s, role);
    if (s->value_dim < s->head_dim && role == ROLE_O)
        shape.cols = shape.cols / s->head_dim * s->value_dim;
    return shape;
}

/* One gain for all heads, or [heads, D]: a gain of its own for each. */
static bool is_norm_of_heads(const struct spec *s, enum role role, const struct tensor *t) {
    bool q = role == ROLE_Q_NORM || role == ROLE_Q_NORM_BIAS;
    bool k = role == ROLE_K_NORM || role == ROLE_K_NORM_BIAS;
    return s->heads_normed && (q || k) &&
           t->n_elements == (uint64_t)(q ? s->n_heads : s->n_kv_heads) * s->head_dim &&
           t->shape[t->n_dims - 1] == s->head_dim;
}

/* A vector may lie in the file as a table: a group a row, or with a dimension of 1; and one number
 * without any. */
static bool vector_fits(
    const struct role_names *names, uint32_t want, const uint64_t *have, uint32_t n) {
    uint64_t all = 1;
    for (uint32_t i = 0; i < n; i++)
        all *= have[i];
    bool row = n == 1 || (n == 2 && have[0] == 1);
    return n <= 2 && (all == want || (names->part && row && all > want));
}

/* The tensor has the shape that the part asks for, or more rows where it holds other parts too. */
static bool shape_fits(
    const struct role_names *names, enum role role, struct shape want, const struct tensor *t) {
    bool slices = role >= ROLE_FIRST_OF_EXPERT;
    const uint64_t *have = t->shape;
    uint64_t flat[2];
    uint32_t n = t->n_dims;
    if (slices && n > 1 + (want.cols > 0)) /* one more dimension: the experts */
        have++, n--;
    if (want.cols == 0)
        return vector_fits(names, want.rows, have, n);
    if (n == 3 && role == ROLE_CONV) { /* a convolution of all channels */
        flat[0] = have[0];
        flat[1] = have[1] * have[2];
    } else if (n == 3) { /* of one channel each; a table a head */
        flat[0] = have[0] * have[names->transposed ? 2 : 1];
        flat[1] = have[names->transposed ? 1 : 2];
    } else {
        flat[0] = have[names->transposed ? 1 : 0];
        flat[1] = have[names->transposed ? 0 : 1];
    }
    if (n != 2 && n != 3)
        return false;
    uint64_t rows = flat[0], cols = flat[1];
    return cols == want.cols && (rows == want.rows || (names->part && rows > want.rows));
}

static bool shape_check(
    const struct spec *s, enum role role, const struct tensor *t, struct err *err) {
    struct shape want = shape_in_file(s, role);
    bool vector = want.cols == 0, partly = s->roles[role].part || s->roles[role].transposed;
    if (partly && role_part(role) == PART_HOST) /* copied as it is, and read to the role's length */
        return err_set(err, ERR_UNSUPPORTED, "tensor '%.128s' can only be taken whole", t->name);
    if (!shape_fits(&s->roles[role], role, want, t) && !is_norm_of_heads(s, role, t))
        return err_set(err, ERR_INPUT,
            "tensor '%.128s' has shape [%llu%s%.0llu], the configuration asks for [%u%s%.0u]",
            t->name, (unsigned long long)t->shape[0], t->n_dims > 1 ? ", " : "",
            t->n_dims > 1 ? (unsigned long long)t->shape[1] : 0, want.rows, vector ? "" : ", ",
            want.cols);
    const char *type = tensor_type_info(t->type)->name;
    return tensor_type_is_real(t->type) ||
           err_set(err, ERR_UNSUPPORTED, "tensor '%.128s' holds %s, not weights", t->name, type);
}

/* Tensors that some role has. */
struct used {
    const struct tensor **list;
    size_t n, capacity;
};

/* What finding needs beside the spec. */
struct finder {
    const struct spec *spec;
    const struct weights *weights;
    const char *prefix;
    struct strbuf missing;
    uint32_t n_missing;
    struct arena *arena;
    struct used *used; /* tensors that are in no role by themselves: those of heads */
};

static const struct tensor *find_prefixed(struct finder *f, const char *prefix, const char *name) {
    char full[512];
    int n = snprintf(full, sizeof full, "%s%s", prefix, name);
    return n < (int)sizeof full ? weights_find(f->weights, full) : NULL;
}

/* `name` with a mark replaced by a number: not by printf, for it may come from a stranger's file.
 */
static void mark_replace(
    char *out, size_t size, const char *name, const char *mark, uint32_t number) {
    const char *at = strstr(name, mark);
    if (at)
        snprintf(out, size, "%.*s%u%s", (int)(at - name), name, number, at + strlen(mark));
    else
        snprintf(out, size, "%s", name);
}

enum { NAME_MAX_BYTES = 400 };

/* Where a tensor is looked for: these numbers stand in names. */
struct place {
    uint32_t layer, expert, head;
};

static void name_at(
    const struct finder *f, char out[NAME_MAX_BYTES], const char *name, struct place place) {
    const struct spec *s = f->spec;
    char with_layer[NAME_MAX_BYTES], with_inner[NAME_MAX_BYTES], with_expert[NAME_MAX_BYTES];
    uint32_t group = place.layer / s->inner_layers / s->shared_layers;
    mark_replace(with_layer, sizeof with_layer, name, "%d", group);
    mark_replace(with_inner, sizeof with_inner, with_layer, "%i", place.layer % s->inner_layers);
    mark_replace(with_expert, sizeof with_expert, with_inner, "%e", place.expert);
    mark_replace(out, NAME_MAX_BYTES, with_expert, "%h", place.head);
}

/* The first spelling that is in the file, under the model's prefix or bare. */
static const struct tensor *find_role(struct finder *f, enum role role, struct place place) {
    const struct role_names *names = &f->spec->roles[role];
    for (uint32_t i = 0; i < names->n; i++) {
        char name[NAME_MAX_BYTES];
        name_at(f, name, names->names[i], place);
        const struct tensor *t = find_prefixed(f, f->prefix, name);
        t = t ? t : find_prefixed(f, "", name);
        if (t)
            return t;
    }
    return NULL;
}

static void used_add(struct used *used, const struct tensor *t) {
    mem_grow(&used->list, &used->capacity, used->n + 1, sizeof(const struct tensor *));
    used->list[used->n++] = t;
}

/* Norms of heads that are tensors of their own become one, [heads, D]; NULL where one is missing or
 * is no such norm. */
static const struct tensor *gather_heads(struct finder *f, enum role role, struct place place) {
    const struct spec *s = f->spec;
    bool q = role == ROLE_Q_NORM || role == ROLE_Q_NORM_BIAS;
    uint32_t n = q ? s->n_heads : s->n_kv_heads;
    float *gains = arena_alloc(f->arena, (size_t)n * s->head_dim * sizeof *gains);
    struct tensor *all = arena_alloc(f->arena, sizeof *all);
    for (place.head = 0; place.head < n; place.head++) {
        const struct tensor *t = find_role(f, role, place);
        if (!t || t->n_elements != s->head_dim || !tensor_type_is_real(t->type))
            return NULL;
        tensor_read_f32(t, 0, s->head_dim, gains + (size_t)place.head * s->head_dim);
        used_add(f->used, t);
        all->name = t->name;
    }
    all->type = TENSOR_F32;
    all->n_dims = 2;
    all->shape[0] = n;
    all->shape[1] = s->head_dim;
    all->n_elements = (uint64_t)n * s->head_dim;
    all->data = (const uint8_t *)gains;
    all->bytes = all->n_elements * sizeof *gains;
    return all;
}

/* Positions as waves, [positions, C], where the file has none. */
static const struct tensor *waves_make(struct finder *f) {
    const struct spec *s = f->spec;
    uint32_t half = s->width / 2;
    uint64_t n = (uint64_t)s->n_positions * s->width;
    float *rows = arena_alloc(f->arena, n * sizeof *rows);
    for (uint32_t p = s->position_offset; p < s->n_positions; p++)
        for (uint32_t i = 0; i < half; i++) {
            double angle = p * pow(10000, -(i / s->wave_steps));
            rows[(size_t)p * s->width + i] = (float)sin(angle);
            rows[(size_t)p * s->width + half + i] = (float)cos(angle);
        }
    struct tensor *t = arena_alloc(f->arena, sizeof *t);
    *t = (struct tensor) { .name = "positions",
        .type = TENSOR_F32,
        .n_dims = 2,
        .shape = { s->n_positions, s->width },
        .n_elements = n,
        .data = (const uint8_t *)rows,
        .bytes = n * sizeof *rows };
    return t;
}

static const struct tensor *need_role(struct finder *f, enum role role, struct place place) {
    const struct role_names *names = &f->spec->roles[role];
    if (names->n == 0)
        return NULL;
    bool by_head = strstr(names->names[0], "%h") != NULL;
    const struct tensor *t = by_head ? gather_heads(f, role, place) : find_role(f, role, place);
    if (!t && role == ROLE_POSITION && f->spec->position == POSITION_WAVES)
        return waves_make(f);
    if (!t && !names->optional && f->n_missing++ < 4) {
        char name[NAME_MAX_BYTES];
        name_at(f, name, names->names[0], place);
        strbuf_addf(&f->missing, "%s'%s%.80s'", f->missing.len ? ", " : "", f->prefix, name);
    }
    return t;
}

/* Does the layer have this part? Those with experts have no feed-forward part of their own. */
static bool layer_has(const struct spec *s, uint32_t l, enum role role) {
    const struct layer_spec *layer = &s->layer[l];
    bool mixing = role >= ROLE_MIX_IN && role <= ROLE_MIX_OUT_BIAS;
    bool attention = role >= ROLE_Q_DOWN && role <= ROLE_O_BIAS;
    bool dense = role >= ROLE_UP && role <= ROLE_CURVE_EDGE, sparse = role >= ROLE_ROUTER;
    bool fed = role == ROLE_MLP_NORM || role == ROLE_MLP_NORM_BIAS || dense || sparse;
    return !(mixing && !layer->mixes) && !(attention && !layer->attends) &&
           !(fed && !layer->feeds) && !(dense && layer->sparse) && !(sparse && !layer->sparse);
}

/* The prefix under which the embedding is found; without one, the first, and the embedding is
 * missing. */
static const char *prefix_choose(struct finder *f) {
    for (uint32_t i = 0; i < f->spec->n_prefixes; i++) {
        f->prefix = f->spec->prefixes[i];
        const struct role_names *names = &f->spec->roles[ROLE_EMBED];
        for (uint32_t j = 0; j < names->n; j++)
            if (find_prefixed(f, f->prefix, names->names[j]))
                return f->prefix;
    }
    return f->spec->prefixes[0];
}

/* Is the name one of those that don't matter: by its ending, or after a '^' by its beginning? */
static bool is_ignored(const char *name, const char *const *ends, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (ends[i][0] == '^' ? str_begins(name, ends[i] + 1) : str_ends(name, ends[i]))
            return true;
    return false;
}

static int by_address(const void *a, const void *b) {
    const struct tensor *const *x = a, *const *y = b;
    return (*x > *y) - (*x < *y);
}

/* What is in the file and in no role: reported by `model show`. */
static json_t *extra_names(const struct finder *f, const struct tensor **used, size_t n_used) {
    json_t *extra = json_array();
    qsort(used, n_used, sizeof *used, by_address);
    for (size_t i = 0; i < weights_count(f->weights); i++) {
        const struct tensor *t = weights_at(f->weights, i);
        if (!bsearch(&t, used, n_used, sizeof *used, by_address) &&
            !is_ignored(t->name, f->spec->ignore, f->spec->n_ignore))
            json_array_append_new(extra, json_string(t->name));
    }
    return extra;
}

/* The embedding says how large the vocabulary is where the configuration doesn't (GGUF). */
static bool vocabulary_settle(struct spec *spec, const struct tensor *embed, struct err *err) {
    if (!embed || spec->n_vocab > 0)
        return true;
    if (embed->n_dims != 2 || embed->shape[0] < 1 || embed->shape[0] > 1 << 24)
        return err_set(err, ERR_INPUT, "tensor '%.128s' is not a vocabulary", embed->name);
    spec->n_vocab = (uint32_t)embed->shape[0];
    return true;
}

/* A classifier's last layer says how many labels there are. */
static bool labels_settle(struct spec *spec, const struct tensor *out, struct err *err) {
    if (!out || spec->n_labels > 0)
        return true;
    if (out->n_dims != 2 || out->shape[0] < 1 || out->shape[0] > 1 << 20)
        return err_set(err, ERR_INPUT, "tensor '%.128s' is not a classifier", out->name);
    spec->n_labels = (uint32_t)out->shape[0];
    return true;
}

/* Tied weights: the head is the embedding, and a head in the file is left alone. A decoder with a
 * classifier or under sentence-transformers modules may have no head: then it can't score. */
static void head_settle(struct finder *f, struct spec *spec) {
    struct place first = { 0 };
    bool missing = !find_role(f, ROLE_HEAD, first);
    if (spec->tied_if_missing || weights_untied(f->weights))
        spec->tied = missing;
    bool bare = strcmp(f->prefix, spec->prefixes[0]) != 0; /* saved without what stands on top */
    bool dense = spec->roles[ROLE_HEAD_DENSE].n > 0;
    missing = dense ? !find_role(f, ROLE_HEAD_DENSE, first) : missing && !spec->tied;
    spec->headless = spec->causal && missing && (spec->has_classifier || bare);
    if (spec->tied || spec->headless)
        spec->roles[ROLE_HEAD].n = 0;
    for (int r = ROLE_HEAD_BIAS; spec->headless && r <= ROLE_HEAD_NORM_BIAS; r++)
        spec->roles[r].n = 0;
    spec->tied = spec->tied && !spec->headless;
}

/* A file without the classifier's last layer is a model without a classifier. */
static void classifier_settle(struct finder *f, struct spec *spec) {
    if (spec->has_classifier && find_role(f, ROLE_CLASS_OUT, (struct place) { 0 }))
        return;
    spec->has_classifier = false;
    for (int r = ROLE_CLASS_DENSE; r <= ROLE_CLASS_OUT_BIAS; r++)
        spec->roles[r].n = 0;
}

bool net_tensors_visit(
    const struct spec *s, const struct net_tensors *t, tensor_fn *fn, void *arg, struct err *err) {
    for (int r = 0; r < ROLE_FIRST_OF_LAYER; r++)
        if (t->global[r] && !fn(arg, (enum role)r, t->global[r], err))
            return false;
    for (uint32_t l = 0; l < s->n_layers; l++) {
        for (int r = ROLE_FIRST_OF_LAYER; r < ROLE_FIRST_OF_EXPERT; r++)
            if (t->layer[l][r] && !fn(arg, (enum role)r, t->layer[l][r], err))
                return false;
        for (int r = ROLE_FIRST_OF_EXPERT; r < ROLE_N; r++)
            for (uint32_t e = 0; t->experts[l] && e < s->experts.n; e++) {
                const struct tensor *x = t->experts[l][e][r - ROLE_FIRST_OF_EXPERT];
                if (x && !fn(arg, (enum role)r, x, err))
                    return false;
            }
    }
    return true;
}

static bool tensor_check(void *arg, enum role role, const struct tensor *t, struct err *err) {
    return shape_check(arg, role, t, err);
}

static bool tensor_use(void *arg, enum role role, const struct tensor *t, struct err *err) {
    struct used *used = arg;
    (void)role;
    (void)err;
    used_add(used, t);
    return true;
}

static void layer_find(struct finder *f, uint32_t l, struct arena *arena, struct net_tensors *out) {
    const struct spec *s = f->spec;
    for (int r = ROLE_FIRST_OF_LAYER; r < ROLE_FIRST_OF_EXPERT; r++)
        if (layer_has(s, l, (enum role)r))
            out->layer[l][r] = need_role(f, (enum role)r, (struct place) { .layer = l });
    out->experts[l] =
        s->layer[l].sparse ? arena_alloc(arena, s->experts.n * sizeof *out->experts[l]) : NULL;
    for (uint32_t e = 0; out->experts[l] && e < s->experts.n; e++)
        for (int r = ROLE_FIRST_OF_EXPERT; r < ROLE_N; r++)
            out->experts[l][e][r - ROLE_FIRST_OF_EXPERT] =
                need_role(f, (enum role)r, (struct place) { .layer = l, .expert = e });
}

static bool missing_report(const struct finder *f, struct err *err) {
    return f->n_missing == 0 || err_set(err, ERR_INPUT, "%u tensor%s missing: %.300s%s",
                                    f->n_missing, f->n_missing == 1 ? " is" : "s are",
                                    strbuf_str(&f->missing), f->n_missing > 4 ? ", ..." : "");
}

/* Of a format that has no room for what its model doesn't use, a tensor too many is a part that is
 * not run. */
static bool extra_refuse(const struct spec *s, const json_t *extra, struct err *err) {
    if (!s->exact || json_array_size(extra) == 0)
        return true;
    return err_set(err, ERR_UNSUPPORTED,
        "tensor '%.128s' is no part of this architecture as it is described",
        json_string_value(json_array_get(extra, 0)));
}

bool net_tensors_have(const struct spec *spec, const struct weights *weights, enum role role) {
    struct finder f = { .spec = spec, .weights = weights };
    f.prefix = prefix_choose(&f);
    return find_role(&f, role, (struct place) { 0 }) != NULL;
}

bool net_tensors_find(struct spec *spec, const struct weights *weights, struct arena *arena,
    struct net_tensors *out, struct err *err) {
    struct used used = { 0 };
    struct finder f = { .spec = spec, .weights = weights, .arena = arena, .used = &used };
    f.prefix = prefix_choose(&f);
    classifier_settle(&f, spec);
    head_settle(&f, spec);
    *out = (struct net_tensors) { .weights = weights,
        .layer = arena_alloc(arena, spec->n_layers * sizeof *out->layer),
        .experts = arena_alloc(arena, spec->n_layers * sizeof *out->experts) };
    for (int r = 0; r < ROLE_FIRST_OF_LAYER; r++)
        out->global[r] = need_role(&f, (enum role)r, (struct place) { 0 });
    for (uint32_t l = 0; l < spec->n_layers; l++)
        layer_find(&f, l, arena, out);
    bool ok = missing_report(&f, err) && vocabulary_settle(spec, out->global[ROLE_EMBED], err) &&
              labels_settle(spec, out->global[ROLE_CLASS_OUT], err) &&
              net_tensors_visit(spec, out, tensor_check, spec, err) &&
              net_tensors_visit(spec, out, tensor_use, &used, err);
    if (ok) {
        out->extra = extra_names(&f, used.list, used.n);
        ok = extra_refuse(spec, out->extra, err);
    }
    strbuf_release(&f.missing);
    free(used.list);
    return ok;
}
