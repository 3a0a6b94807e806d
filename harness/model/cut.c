/* See cut.h. */
#include "harness/model/cut.h"

#include <string.h>

#include "base/strbuf.h"
#include "harness/model/net.h"

/* ---- shares ---- */

/* Of `of` numbers in whole units as evenly as it goes, the first devices having one unit more. */
static struct share share_of(uint32_t of, uint32_t unit, uint32_t index, uint32_t n) {
    uint32_t units = of / unit, each = units / n, more = units % n;
    uint32_t first = index * each + (index < more ? index : more);
    uint32_t mine = each + (index < more);
    return (struct share) { .from = first * unit, .n = mine * unit, .of = of };
}

/* Keys and values of a head are on every device that has queries which look at them. */
static struct share kv_share(const struct spec *s, uint32_t index, uint32_t n) {
    uint32_t each = s->n_kv_heads / n;
    return (struct share) { .from = (uint32_t)((uint64_t)index * s->n_kv_heads / n),
        .n = each ? each : 1,
        .of = s->n_kv_heads };
}

static struct share all_of(uint32_t n) {
    return (struct share) { .n = n, .of = n };
}

/* ---- what can be cut ---- */

static uint32_t block_of(const struct tensor *t) {
    struct scaled_bytes b;
    if (tensor_scaled_bytes(t, &b) && b.block_cols < b.cols)
        return (uint32_t)b.block_cols;
    return tensor_type_info(t->type)->block_n;
}

/* Numbers that a product's input is cut between: blocks of a quantised weight stay whole, and rows
 * begin where devices like to read; where there are too few of such, any. */
static uint32_t unit_of(uint32_t width, const struct tensor *down, uint32_t n) {
    const uint32_t units[] = { down ? block_of(down) : 1, 8 };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i] > 1 && width % units[i] == 0 && width / units[i] >= n)
            return units[i];
    return 1;
}

static const struct tensor *first_of_layers(
    const struct spec *s, const struct net_tensors *t, enum role role) {
    const struct tensor *found = NULL;
    for (uint32_t l = 0; t && !found && l < s->n_layers; l++)
        found = role < ROLE_FIRST_OF_EXPERT ? t->layer[l][role]
                : t->experts[l]             ? t->experts[l][0][role - ROLE_FIRST_OF_EXPERT]
                                            : NULL;
    return found;
}

/* Where heads are normed all at once, each needs what all others have: they are whole everywhere.
 */
static bool heads_are_apart(const struct spec *s) {
    bool normed = s->roles[ROLE_Q_NORM].n > 0 || s->roles[ROLE_K_NORM].n > 0;
    return s->heads_normed || !normed;
}

static bool heads_divide(const struct spec *s, uint32_t n) {
    return !heads_are_apart(s) ||
           (s->n_heads % n == 0 && (s->n_kv_heads % n == 0 || n % s->n_kv_heads == 0));
}

static bool only_mixes(const struct spec *s) {
    bool only = true;
    for (uint32_t l = 0; l < s->n_layers; l++)
        only = only && !s->layer[l].attends && !s->layer[l].feeds;
    return only;
}

/* In words what stands in the way, or NULL. */
static const char *obstacle(const struct spec *s) {
    return only_mixes(s) ? "a recurrence in each layer"
           : s->decoder  ? "an encoder with a decoder"
                         : NULL;
}

static uint32_t narrowest(const struct spec *s) {
    uint32_t widths[] = { s->ffn_width, s->experts.n ? s->experts.ffn_width : 0,
        s->experts.shared_width, s->n_vocab };
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        if (widths[i] > 0 && widths[i] < least)
            least = widths[i];
    return least;
}

/* "2, 4 and 8" */
static void say_which(const struct spec *s, struct strbuf *out) {
    uint32_t fit[CUT_MAX], n_fit = 0;
    for (uint32_t n = 2; n <= CUT_MAX && n <= s->n_heads; n++)
        if (heads_divide(s, n) && narrowest(s) >= n)
            fit[n_fit++] = n;
    for (uint32_t i = 0; i < n_fit; i++)
        strbuf_addf(out, "%s%u", i == 0 ? "" : i + 1 < n_fit ? ", " : " and ", fit[i]);
    if (n_fit == 0)
        strbuf_addf(out, "no number");
}

static bool count_check(const struct spec *s, uint32_t n, struct err *err) {
    if (n <= CUT_MAX && heads_divide(s, n) && narrowest(s) >= n)
        return true;
    struct strbuf which = { 0 };
    say_which(s, &which);
    err_set(err, ERR_USAGE,
        "--tensor-parallel %u does not divide the model's %u heads (%u of keys and values)", n,
        s->n_heads, s->n_kv_heads);
    err_hint(err, "it can be split between %s devices", strbuf_str(&which));
    strbuf_release(&which);
    return false;
}

bool cut_make(struct cut *c, const struct spec *s, const struct net_tensors *tensors,
    uint32_t index, uint32_t n, struct err *err) {
    *c = (struct cut) { .index = index, .n = n, .whole = s };
    const char *what = n > 1 ? obstacle(s) : NULL;
    if (what) {
        err_set(err, ERR_UNSUPPORTED, "--tensor-parallel: the model has %s, which is not split yet",
            what);
        return err_hint(err, "leave --tensor-parallel out");
    }
    if (n > 1 && !count_check(s, n, err))
        return false;
    bool whole = n <= 1 || !heads_are_apart(s);
    const struct experts *x = &s->experts;
    const struct tensor *down = first_of_layers(s, tensors, ROLE_DOWN),
                        *shared_down = first_of_layers(s, tensors, ROLE_SHARED_DOWN),
                        *expert_down = first_of_layers(s, tensors, ROLE_EXPERT_DOWN);
    uint32_t of = n > 1 ? n : 1;
    c->heads = whole ? all_of(s->n_heads) : share_of(s->n_heads, 1, index, n);
    c->kv_heads = whole ? all_of(s->n_kv_heads) : kv_share(s, index, n);
    c->ffn = share_of(s->ffn_width, unit_of(s->ffn_width, down, of), index, of);
    c->expert_ffn = share_of(x->ffn_width, unit_of(x->ffn_width, expert_down, of), index, of);
    c->shared_ffn = share_of(x->shared_width, unit_of(x->shared_width, shared_down, of), index, of);
    c->vocab = share_of(s->n_vocab, 1, index, of);
    return true;
}

struct spec cut_spec(const struct cut *c) {
    struct spec s = *c->whole;
    s.n_heads = c->heads.n;
    s.n_kv_heads = c->kv_heads.n;
    s.ffn_width = c->ffn.n;
    s.experts.ffn_width = c->expert_ffn.n;
    s.experts.shared_width = c->shared_ffn.n;
    return s;
}

/* ---- where a role's part lies ---- */

static struct share times(struct share s, uint32_t width) {
    return (struct share) { s.from * width, s.n * width, s.of * width };
}

static struct share rows_share(const struct cut *c, enum role role) {
    switch (role) {
    case ROLE_Q:
    case ROLE_Q_BIAS:
    case ROLE_ATTN_GATE:
    case ROLE_ATTN_GATE_BIAS:
    case ROLE_DISTANCE_K:
    case ROLE_DISTANCE_K_BIAS:
    case ROLE_DISTANCE_Q:
    case ROLE_DISTANCE_Q_BIAS:
        return times(c->heads, c->whole->head_dim);
    case ROLE_K:
    case ROLE_K_BIAS:
    case ROLE_V:
    case ROLE_V_BIAS:
        return times(c->kv_heads, c->whole->head_dim);
    case ROLE_UP:
    case ROLE_UP_BIAS:
    case ROLE_GATE:
    case ROLE_GATE_BIAS:
        return c->ffn;
    case ROLE_EXPERT_UP:
    case ROLE_EXPERT_UP_BIAS:
    case ROLE_EXPERT_GATE:
    case ROLE_EXPERT_GATE_BIAS:
        return c->expert_ffn;
    case ROLE_SHARED_UP:
    case ROLE_SHARED_UP_BIAS:
    case ROLE_SHARED_GATE:
    case ROLE_SHARED_GATE_BIAS:
        return c->shared_ffn;
    case ROLE_HEAD:
    case ROLE_HEAD_BIAS:
        return c->vocab;
    default:
        return (struct share) { 0 };
    }
}

static struct share columns_share(const struct cut *c, enum role role) {
    switch (role) {
    case ROLE_O:
        return times(c->heads, c->whole->head_dim);
    case ROLE_DOWN:
        return c->ffn;
    case ROLE_EXPERT_DOWN:
        return c->expert_ffn;
    case ROLE_SHARED_DOWN:
        return c->shared_ffn;
    default:
        return (struct share) { 0 };
    }
}

void cut_shape(const struct cut *c, enum role role, uint32_t *rows, uint32_t *cols) {
    role_shape(c->whole, role, rows, cols);
    struct share r = rows_share(c, role), k = columns_share(c, role);
    if (!is_cut(c))
        return;
    *rows = r.of ? r.n : *rows;
    *cols = k.of ? k.n : *cols;
}

struct weight_part cut_part(const struct cut *c, enum role role) {
    struct share r = rows_share(c, role), k = columns_share(c, role);
    return (struct weight_part) { .row = r.from,
        .of_rows = is_part(&r) ? r.of : 0,
        .column = k.from,
        .of_columns = is_part(&k) ? k.of : 0 };
}

struct share cut_of_heads(const struct cut *c, enum role role) {
    bool k = role == ROLE_K_NORM || role == ROLE_K_NORM_BIAS;
    return times(k ? c->kv_heads : c->heads, c->whole->head_dim);
}

bool cut_has(const struct cut *c, enum role role) {
    if (c->index == 0)
        return true;
    switch (role) {
    case ROLE_O_BIAS:
        return !is_part(&c->heads);
    case ROLE_DOWN_BIAS:
    case ROLE_SHARED_DOWN_BIAS:
    case ROLE_EXPERT_DOWN_BIAS:
    case ROLE_CLASS_DENSE:
    case ROLE_CLASS_DENSE_BIAS:
    case ROLE_CLASS_NORM:
    case ROLE_CLASS_NORM_BIAS:
    case ROLE_CLASS_OUT:
    case ROLE_CLASS_OUT_BIAS:
        return false;
    default:
        return true;
    }
}
