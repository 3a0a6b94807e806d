/* Finds the tensors that the spec names in the file and holds them against the shapes that the spec
 * gives them. After this nothing about the file can surprise: the sum of all sizes is bounded by
 * tensors that are really there. */
#include <string.h>

#include "harness/model/net.h"

static const enum part_kind part_kinds[ROLE_N] = {
    [ROLE_EMBED] = PART_TABLE,
    [ROLE_POSITION] = PART_TABLE,
    [ROLE_TOKEN_TYPE] = PART_TABLE,
    [ROLE_HEAD] = PART_MATRIX,
    [ROLE_Q] = PART_MATRIX,
    [ROLE_K] = PART_MATRIX,
    [ROLE_V] = PART_MATRIX,
    [ROLE_O] = PART_MATRIX,
    [ROLE_UP] = PART_MATRIX,
    [ROLE_GATE] = PART_MATRIX,
    [ROLE_DOWN] = PART_MATRIX,
};

enum part_kind role_part(enum role role) {
    return part_kinds[role];
}

void role_shape(const struct spec *s, enum role role, uint32_t *rows, uint32_t *cols) {
    uint32_t q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim;
    *cols = s->width;
    *rows = s->width;
    switch (role) {
    case ROLE_EMBED:
    case ROLE_HEAD:
    case ROLE_HEAD_BIAS:
        *rows = s->n_vocab;
        break;
    case ROLE_POSITION:
        *rows = s->n_positions;
        break;
    case ROLE_TOKEN_TYPE:
        *rows = s->n_token_types;
        break;
    case ROLE_Q:
    case ROLE_Q_BIAS:
        *rows = q;
        break;
    case ROLE_K:
    case ROLE_K_BIAS:
    case ROLE_V:
    case ROLE_V_BIAS:
        *rows = kv;
        break;
    case ROLE_O:
        *cols = q;
        break;
    case ROLE_UP:
    case ROLE_UP_BIAS:
    case ROLE_GATE:
    case ROLE_GATE_BIAS:
        *rows = s->ffn_width;
        break;
    case ROLE_DOWN:
        *cols = s->ffn_width;
        break;
    default:
        break;
    }
    if (part_kinds[role] == PART_VECTOR)
        *cols = 1;
}

static bool shape_check(
    const struct spec *s, enum role role, const struct tensor *t, struct err *err) {
    uint32_t rows, cols;
    role_shape(s, role, &rows, &cols);
    bool vector = part_kinds[role] == PART_VECTOR;
    if (t->n_dims != (vector ? 1 : 2) || t->shape[0] != rows || (!vector && t->shape[1] != cols))
        return err_set(err, ERR_INPUT,
            "tensor '%.128s' has shape [%llu%s%.0llu], the configuration asks for [%u%s%.0u]",
            t->name, (unsigned long long)t->shape[0], t->n_dims > 1 ? ", " : "",
            t->n_dims > 1 ? (unsigned long long)t->shape[1] : 0, rows, vector ? "" : ", ",
            vector ? 0 : cols);
    const char *type = tensor_type_info(t->type)->name;
    return tensor_type_is_real(t->type) ||
           err_set(err, ERR_UNSUPPORTED, "tensor '%.128s' holds %s, not weights", t->name, type);
}

/* What finding needs beside the spec. */
struct finder {
    const struct spec *spec;
    const struct weights *weights;
    const char *prefix;
    struct strbuf missing;
    uint32_t n_missing;
};

static const struct tensor *find_prefixed(struct finder *f, const char *prefix, const char *name) {
    char full[512];
    int n = snprintf(full, sizeof full, "%s%s", prefix, name);
    return n < (int)sizeof full ? weights_find(f->weights, full) : NULL;
}

/* `name` with its '%d' replaced: not by printf, for the name may come from a stranger's file. */
static void layer_name(char *out, size_t size, const char *name, uint32_t layer) {
    const char *mark = strstr(name, "%d");
    if (mark)
        snprintf(out, size, "%.*s%u%s", (int)(mark - name), name, layer, mark + 2);
    else
        snprintf(out, size, "%s", name);
}

/* The first spelling that is in the file, under the model's prefix or bare. */
static const struct tensor *find_role(struct finder *f, enum role role, uint32_t layer) {
    const struct role_names *names = &f->spec->roles[role];
    for (uint32_t i = 0; i < names->n; i++) {
        char name[400];
        layer_name(name, sizeof name, names->names[i], layer);
        const struct tensor *t = find_prefixed(f, f->prefix, name);
        t = t ? t : find_prefixed(f, "", name);
        if (t)
            return t;
    }
    return NULL;
}

static const struct tensor *need_role(struct finder *f, enum role role, uint32_t layer) {
    const struct role_names *names = &f->spec->roles[role];
    if (names->n == 0)
        return NULL;
    const struct tensor *t = find_role(f, role, layer);
    if (!t && f->n_missing++ < 4) {
        char name[400];
        layer_name(name, sizeof name, names->names[0], layer);
        strbuf_addf(&f->missing, "%s'%s%.80s'", f->missing.len ? ", " : "", f->prefix, name);
    }
    return t;
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

static bool ends_with_any(const char *name, const char *const *endings, uint32_t n) {
    size_t len = strlen(name);
    for (uint32_t i = 0; i < n; i++) {
        size_t end = strlen(endings[i]);
        if (end <= len && strcmp(name + len - end, endings[i]) == 0)
            return true;
    }
    return false;
}

static int by_address(const void *a, const void *b) {
    const struct tensor *const *x = a, *const *y = b;
    return (*x > *y) - (*x < *y);
}

/* What is in the file and in no role: reported by `model show`, never an error. */
static json_t *extra_names(const struct finder *f, const struct tensor **used, size_t n_used) {
    json_t *extra = json_array();
    qsort(used, n_used, sizeof *used, by_address);
    for (size_t i = 0; i < weights_count(f->weights); i++) {
        const struct tensor *t = weights_at(f->weights, i);
        if (!bsearch(&t, used, n_used, sizeof *used, by_address) &&
            !ends_with_any(t->name, f->spec->ignore, f->spec->n_ignore))
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

/* Tied weights: the head is the embedding, and a head in the file is left alone. */
static void head_settle(struct finder *f, struct spec *spec) {
    if (spec->tied_if_missing)
        spec->tied = !find_role(f, ROLE_HEAD, 0);
    if (spec->tied)
        spec->roles[ROLE_HEAD].n = 0;
}

static bool tensors_check(const struct spec *s, const struct net_tensors *t, struct err *err) {
    for (int r = 0; r < ROLE_N; r++) {
        bool layered = r >= ROLE_FIRST_OF_LAYER;
        for (uint32_t l = 0; l < (layered ? s->n_layers : 1); l++) {
            const struct tensor *x = layered ? t->layer[l][r] : t->global[r];
            if (x && !shape_check(s, (enum role)r, x, err))
                return false;
        }
    }
    return true;
}

bool net_tensors_find(struct spec *spec, const struct weights *weights, struct arena *arena,
    struct net_tensors *out, struct err *err) {
    struct finder f = { .spec = spec, .weights = weights };
    size_t n_used = 0;
    f.prefix = prefix_choose(&f);
    head_settle(&f, spec);
    const struct tensor **used = xcalloc((size_t)(spec->n_layers + 1) * ROLE_N, sizeof *used);
    out->weights = weights;
    out->layer = arena_alloc(arena, spec->n_layers * sizeof *out->layer);
    out->extra = NULL;
    for (int r = 0; r < ROLE_FIRST_OF_LAYER; r++)
        if ((out->global[r] = need_role(&f, (enum role)r, 0)))
            used[n_used++] = out->global[r];
    for (uint32_t l = 0; l < spec->n_layers; l++)
        for (int r = ROLE_FIRST_OF_LAYER; r < ROLE_N; r++)
            if ((out->layer[l][r] = need_role(&f, (enum role)r, l)))
                used[n_used++] = out->layer[l][r];
    bool ok = f.n_missing == 0 || err_set(err, ERR_INPUT, "%u tensor%s missing: %.300s%s",
                                      f.n_missing, f.n_missing == 1 ? " is" : "s are",
                                      strbuf_str(&f.missing), f.n_missing > 4 ? ", ..." : "");
    ok = ok && vocabulary_settle(spec, out->global[ROLE_EMBED], err) &&
         tensors_check(spec, out, err);
    if (ok)
        out->extra = extra_names(&f, used, n_used);
    strbuf_release(&f.missing);
    free(used);
    return ok;
}
