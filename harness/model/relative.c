/* What attention adds by where query and key stand: slopes (ALiBi), learned buckets of distances
 * (T5, MPNet), and embeddings of distances that queries and keys are multiplied with (DeBERTa).
 * Lists are made once, when the weights are there; attend reads them. */
#include <math.h>

#include "harness/model/net.h"

/* ---- slopes ---- */

/* Of all of the model's heads. */
static const float *slopes_make(struct net *net) {
    const struct spec *s = net_whole(net);
    uint32_t n = s->n_heads, whole = 1;
    float *slopes = arena_alloc(&net->arena, (size_t)2 * n * sizeof *slopes);
    while (2 * whole <= n)
        whole *= 2;
    double max = s->bias.slope_max;
    if (s->bias.order == SLOPES_APPENDED || whole == n) {
        /* the rest are every second slope of twice as many heads */
        for (uint32_t i = 0; i < n; i++)
            slopes[i] = (float)(i < whole ? pow(2, -max * (i + 1.0) / whole)
                                          : pow(2, -max * (2.0 * (i - whole) + 1) / (2.0 * whole)));
        return slopes;
    }
    /* slopes of the next power of two, every second one first */
    for (uint32_t i = 0, of = 2 * whole; i < n; i++) {
        double number = 2 * i + 1 < of ? 2.0 * i + 2 : 2.0 * (i - whole) + 1;
        slopes[i] = (float)pow(2, -max * number / of);
    }
    return slopes;
}

/* ---- buckets ---- */

/* Half of the buckets are for keys behind the query (in a decoder all of them); half of those for
 * one distance each, the rest for ranges that grow by a constant factor up to `distance`. */
static uint32_t bucket_of(const struct bias *b, bool causal, int64_t ahead) {
    uint32_t half = causal ? b->buckets : b->buckets / 2, exact = half / 2;
    uint32_t base = ahead > 0 && !causal ? half : 0;
    double n = causal && ahead > 0 ? 0 : fabs((double)ahead);
    if (n < exact)
        return base + (uint32_t)n;
    /* in the precision that the reference has: ranges begin where it says */
    float share = logf((float)n / (float)exact) / (float)log((double)b->distance / exact);
    uint32_t far = exact + (uint32_t)(share * (float)(half - exact));
    return base + (far < half ? far : half - 1);
}

/* A layer's buckets spread over distances: [H, 2 * reach + 1]. */
static const float *by_distance_make(struct net *net, const float *buckets) {
    const struct spec *s = &net->spec;
    uint32_t reach = s->bias.distance, width = 2 * reach + 1;
    uint32_t of_heads = net_whole(net)->n_heads, first = net->cut.heads.from;
    float *list = arena_alloc(&net->arena, (size_t)s->n_heads * width * sizeof *list);
    for (uint32_t h = 0; h < s->n_heads; h++)
        for (uint32_t i = 0; i < width; i++) {
            uint32_t bucket = bucket_of(&s->bias, s->causal, (int64_t)i - reach);
            list[(size_t)h * width + i] = buckets[(size_t)bucket * of_heads + first + h];
        }
    return list;
}

/* Layers may share their buckets (T5) or have their own (umT5). */
static void buckets_make(struct net *net) {
    const struct spec *s = &net->spec;
    if (!net->layers || !net->layers[0].buckets) /* an outline has no weights */
        return;
    for (uint32_t l = 0; l < s->n_layers; l++) {
        struct layer *w = &net->layers[l];
        bool alike = l > 0 && w->buckets == net->layers[l - 1].buckets;
        w->by_distance = alike ? net->layers[l - 1].by_distance : by_distance_make(net, w->buckets);
    }
    net->bias.reach = s->bias.distance;
}

/* ---- disentangled ---- */

/* Near distances are kept, far ones fall into ranges that grow by a constant factor. */
static double log_bucket(const struct bias *b, double distance) {
    double middle = b->buckets / 2.0, far = fabs(distance);
    if (far < middle)
        return distance;
    double bucket =
        ceil(log(far / middle) / log((b->distance - 1) / middle) * (middle - 1)) + middle;
    return far <= middle ? distance : copysign(bucket, distance);
}

/* From here on distances have one bucket, whatever the texts' length. */
static uint32_t farthest(const struct spec *s) {
    uint32_t ranges = s->bias.log_buckets ? s->bias.distance : s->bias.buckets;
    return ranges > s->max_length ? ranges : s->max_length;
}

static void rows_make(struct net *net) {
    const struct spec *s = &net->spec;
    uint32_t reach = farthest(s), width = 2 * reach + 1, last = 2 * s->bias.buckets - 1;
    uint16_t *rows = arena_alloc(&net->arena, width * sizeof *rows);
    for (uint32_t i = 0; i < width; i++) {
        double distance = (double)i - reach;
        double row =
            (s->bias.log_buckets ? log_bucket(&s->bias, distance) : distance) + s->bias.buckets;
        rows[i] = (uint16_t)(row < 0 ? 0 : row > last ? last : row);
    }
    net->bias.rows = rows;
    net->bias.reach = reach;
}

/* Some distances' embeddings as matrix products take them: normed where the model norms them. */
static struct rows places_input(struct net *net, uint32_t from, uint32_t n) {
    const struct backend_ops *ops = net->backend->ops;
    struct rows x = { .buf = net->x, .n = n }, h = { .buf = net->h, .n = n };
    for (uint32_t i = 0; i < n; i++)
        net->table_rows[i] = (int32_t)(from + i);
    ops->gather(net->backend, net->distances, net->table_rows, 1, false, x);
    if (net->distances_norm)
        ops->norm(net->backend, net->spec.norm, net->distances_norm, net->distances_norm_bias,
            (float)net->spec.norm_eps, x, h);
    else
        ops->convert(net->backend, x, h);
    return h;
}

/* All distances' embeddings times a weight, on the host: [2 * buckets, H*D]. */
static const float *places_make(
    struct net *net, const struct matrix *w, const struct vector *bias) {
    uint32_t q = net->spec.n_heads * net->spec.head_dim, n = 2 * net->spec.bias.buckets;
    float *out = arena_alloc(&net->arena, (size_t)n * q * sizeof *out);
    for (uint32_t at = 0, some; at < n; at += some) {
        some = n - at < net->n_rows ? n - at : net->n_rows;
        struct rows y = { .buf = net->q, .n = some };
        net->backend->ops->matmul(
            net->backend, w, places_input(net, at, some), y, &(struct epilogue) { .bias = bias });
        net->backend->ops->download(net->backend, y, out + (size_t)at * q);
    }
    return out;
}

static void disentangled_make(struct net *net) {
    const struct spec *s = &net->spec;
    rows_make(net);
    for (uint32_t l = 0; net->distances && l < s->n_layers; l++) {
        struct layer *w = &net->layers[l];
        bool own_k = w->distance_k != NULL, own_q = w->distance_q != NULL;
        if (s->bias.query_to_place)
            w->key_places = places_make(
                net, own_k ? w->distance_k : w->k, own_k ? w->distance_k_bias : w->k_bias);
        if (s->bias.key_to_place)
            w->query_places = places_make(
                net, own_q ? w->distance_q : w->q, own_q ? w->distance_q_bias : w->q_bias);
    }
}

void net_bias_make(struct net *net) {
    switch (net->spec.bias.kind) {
    case BIAS_NONE:
        break;
    case BIAS_SLOPES_BF16:
        net->bias.bf16 = true;
        net->bias.slopes = slopes_make(net) + net->cut.heads.from;
        break;
    case BIAS_SLOPES:
        net->bias.slopes = slopes_make(net) + net->cut.heads.from;
        break;
    case BIAS_BUCKETS:
        buckets_make(net);
        break;
    case BIAS_DISENTANGLED:
        disentangled_make(net);
        break;
    }
}
