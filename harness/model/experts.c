/* Experts: which of them a token goes through, and what their outputs weigh. Choosing happens on
 * the host, from the router's logits; a row's outputs are added in the order of the experts'
 * numbers, so that its bits don't depend on what other rows chose. */
#include <math.h>

#include "harness/model/net.h"

/* The n best of `scores`, rising by number; ties go to the lower number. `taken` is scratch. */
static void best_of(const float *scores, uint32_t n_scores, uint32_t n, uint32_t *best) {
    for (uint32_t k = 0; k < n; k++) {
        uint32_t at = 0;
        bool found = false;
        for (uint32_t i = 0; i < n_scores; i++) {
            bool taken = false;
            for (uint32_t j = 0; j < k; j++)
                taken = taken || best[j] == i;
            if (!taken && (!found || scores[i] > scores[at])) {
                at = i;
                found = true;
            }
        }
        best[k] = at;
    }
}

static void sort_numbers(uint32_t *x, uint32_t n) {
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = i; j > 0 && x[j] < x[j - 1]; j--) {
            uint32_t swap = x[j];
            x[j] = x[j - 1];
            x[j - 1] = swap;
        }
}

static void softmax(float *x, uint32_t n) {
    float max = -INFINITY, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] = expf(x[i] - max);
    for (uint32_t i = 0; i < n; i++)
        x[i] /= sum;
}

/* A group's worth: the sum of its best experts. */
static float group_worth(const float *choice, uint32_t n, uint32_t n_best) {
    float worth = 0;
    uint32_t best[256];
    best_of(choice, n, n_best, best);
    for (uint32_t i = 0; i < n_best; i++)
        worth += choice[best[i]];
    return worth;
}

/* Experts outside the chosen groups can't be chosen. */
static void groups_choose(const struct experts *x, float *choice) {
    float worth[256];
    uint32_t chosen[256], size = x->n / x->n_groups;
    for (uint32_t g = 0; g < x->n_groups; g++)
        worth[g] = group_worth(choice + (size_t)g * size, size, x->group_best);
    best_of(worth, x->n_groups, x->n_groups_chosen, chosen);
    for (uint32_t g = 0; g < x->n_groups; g++) {
        bool in = false;
        for (uint32_t i = 0; i < x->n_groups_chosen; i++)
            in = in || chosen[i] == g;
        for (uint32_t e = 0; !in && e < size; e++)
            choice[g * size + e] = -INFINITY;
    }
}

/* The chosen expert's share among those that come near it: others don't count. `out` are chosen
 * already, and are -inf. */
static float share_of_near(
    const struct experts *x, const float *scores, const float *left, uint32_t best) {
    double sum = 0, top = (double)left[best];
    for (uint32_t e = 0; e < x->n; e++) {
        double size = fmax(fabs((double)scores[e]), top);
        if ((top - (double)scores[e]) / size <= x->near)
            sum += exp((double)left[e] - top);
    }
    return (float)(1 / sum);
}

/* One expert after the other; `left` has the scores of those that are not chosen yet. */
static void route_nearest(
    const struct experts *x, const float *scores, float *left, uint32_t *chosen, float *weights) {
    for (uint32_t e = 0; e < x->n; e++)
        left[e] = scores[e];
    for (uint32_t k = 0; k < x->n_chosen; k++) {
        uint32_t best;
        best_of(left, x->n, 1, &best);
        float weight = share_of_near(x, scores, left, best) * (float)x->scale;
        left[best] = -INFINITY;
        uint32_t at = k; /* kept in the order of their numbers */
        for (; at > 0 && chosen[at - 1] > best; at--) {
            chosen[at] = chosen[at - 1];
            weights[at] = weights[at - 1];
        }
        chosen[at] = best;
        weights[at] = weight;
    }
}

/* One row: its experts and their weights. `scores` becomes what they weigh, `choice` by what they
 * are chosen. */
static void route(const struct experts *x, const float *choice_bias, float *scores, float *choice,
    uint32_t *chosen, float *weights) {
    if (x->routing == ROUTE_NEAREST) {
        route_nearest(x, scores, choice, chosen, weights);
        return;
    }
    if (x->routing == ROUTE_SOFTMAX)
        softmax(scores, x->n);
    for (uint32_t e = 0; e < x->n; e++) {
        if (x->routing == ROUTE_SIGMOID)
            scores[e] = 1 / (1 + expf(-scores[e]));
        choice[e] = choice_bias ? scores[e] + choice_bias[e] : scores[e];
    }
    if (x->n_groups > 1)
        groups_choose(x, choice);
    best_of(choice, x->n, x->n_chosen, chosen);
    sort_numbers(chosen, x->n_chosen);
    float sum = 0;
    for (uint32_t k = 0; k < x->n_chosen; k++)
        sum += weights[k] = scores[chosen[k]];
    if (x->routing == ROUTE_SOFTMAX_AFTER)
        softmax(weights, x->n_chosen);
    for (uint32_t k = 0; k < x->n_chosen; k++) {
        if (x->renormalize)
            weights[k] /= x->routing == ROUTE_SIGMOID ? sum + 1e-20F : sum;
        weights[k] *= (float)x->scale;
    }
}

/* The rows that chose an expert, in their order, with its weight for each. */
static uint32_t rows_of(struct net *net, uint32_t n, uint32_t expert) {
    struct routes *r = &net->routes;
    uint32_t n_chosen = net->spec.experts.n_chosen, found = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < n_chosen; k++)
            if (r->experts[i * n_chosen + k] == expert) {
                r->rows[found] = i;
                r->row_weights[found++] = r->weights[i * n_chosen + k];
            }
    return found;
}

static void routes_choose(struct net *net, const struct layer *w, struct rows h) {
    const struct experts *x = &net->spec.experts;
    struct routes *r = &net->routes;
    struct rows logits = { .buf = net->router, .n = h.n };
    net->backend->ops->matmul(
        net->backend, w->router, h, logits, &(struct epilogue) { .bias = w->router_bias });
    net->backend->ops->download(net->backend, logits, r->logits);
    for (uint32_t i = 0; i < h.n; i++)
        route(x, w->router_choice_bias, r->logits + (size_t)i * x->n, r->scores,
            r->experts + (size_t)i * x->n_chosen, r->weights + (size_t)i * x->n_chosen);
}

static void expert_run(
    struct net *net, const struct expert *e, uint32_t number, struct rows h, struct rows x) {
    const struct backend_ops *ops = net->backend->ops;
    uint32_t n = rows_of(net, h.n, number);
    if (n == 0)
        return;
    for (uint32_t i = 0; i < n; i++)
        net->routes.row_weights[i] *= (float)net->spec.residual_scale;
    struct rows some = { .buf = net->expert_h, .n = n }, y = { .buf = net->y, .n = n };
    ops->pick(net->backend, h, net->routes.rows, some);
    net_ffn(net,
        &(struct ffn_part) { .up = e->up,
            .gate = e->gate,
            .down = e->down,
            .up_bias = e->up_bias,
            .gate_bias = e->gate_bias,
            .down_bias = e->down_bias,
            .room = net->expert },
        some, y);
    ops->scatter(net->backend, net->routes.rows, net->routes.row_weights, y, x);
}

/* ---- all experts of a layer together, where the device can ---- */

/* Lists the rows of each expert, in their order, one expert's behind another's: which row of h each
 * is, where each of a row's outputs will stand, where an expert's begin. */
static void routes_sort(struct net *net, uint32_t n) {
    struct routes *r = &net->routes;
    uint32_t n_chosen = net->spec.experts.n_chosen, n_experts = net->spec.experts.n;
    for (uint32_t e = 0; e <= n_experts; e++)
        r->first[e] = 0;
    for (uint32_t i = 0; i < n * n_chosen; i++)
        r->first[r->experts[i] + 1]++;
    for (uint32_t e = 0; e < n_experts; e++)
        r->first[e + 1] += r->first[e];
    for (uint32_t i = 0; i < n * n_chosen; i++)
        r->rows[r->places[i] = r->first[r->experts[i]]++] = i / n_chosen;
    for (uint32_t e = n_experts; e > 0; e--) /* each has come to where the next begins */
        r->first[e] = r->first[e - 1];
    r->first[0] = 0;
}

enum which { UP, GATE, DOWN };

static struct matmul_group group_of(const struct expert *e, enum which which) {
    switch (which) {
    case UP:
        return (struct matmul_group) { .w = e->up, .bias = e->up_bias };
    case GATE:
        return (struct matmul_group) { .w = e->gate, .bias = e->gate_bias };
    case DOWN:
        break;
    }
    return (struct matmul_group) { .w = e->down, .bias = e->down_bias };
}

static void groups_multiply(struct net *net, const struct layer *w, enum which which,
    enum activation activation, struct rows x, struct rows out) {
    struct routes *r = &net->routes;
    uint32_t n = 0;
    for (uint32_t e = 0; e < net->spec.experts.n; e++) {
        if (r->first[e + 1] == r->first[e])
            continue;
        r->groups[n] = group_of(&w->experts[e], which);
        r->groups[n].row = r->first[e];
        r->groups[n++].n = r->first[e + 1] - r->first[e];
    }
    net->backend->ops->matmul_groups(net->backend, r->groups, n, activation, x, out);
}

/* What expert_run does, of all: a row's outputs are added in the order of the experts' numbers, in
 * which `experts` has them. */
static void experts_run(struct net *net, const struct layer *w, struct rows h, struct rows x) {
    const struct backend_ops *ops = net->backend->ops;
    struct routes *r = &net->routes;
    uint32_t n_chosen = net->spec.experts.n_chosen, n = h.n * n_chosen;
    struct rows some = { .buf = net->expert_h, .n = n }, m = { .buf = net->expert.m, .n = n },
                gate = { .buf = net->expert.gate, .n = n }, up = { .buf = net->expert.up, .n = n },
                y = { .buf = net->y, .n = n };
    routes_sort(net, h.n);
    ops->pick(net->backend, h, r->rows, some);
    if (w->experts[0].gate) {
        groups_multiply(net, w, GATE, ACT_NONE, some, gate);
        groups_multiply(net, w, UP, ACT_NONE, some, up);
        ops->gate(net->backend, &net->spec.gating, gate, up, m);
    } else {
        groups_multiply(net, w, UP, net->spec.activation, some, m);
    }
    groups_multiply(net, w, DOWN, ACT_NONE, m, y);
    for (uint32_t i = 0; i < n; i++)
        r->weights[i] *= (float)net->spec.residual_scale;
    ops->gather_add(net->backend, r->places, r->weights, n_chosen, y, x);
}

/* The expert that every token passes, weighed by a gate of its own where it has one. */
static void shared_run(struct net *net, const struct layer *w, struct rows h, struct rows x) {
    const struct ffn_part p = { .up = w->shared_up,
        .gate = w->shared_gate,
        .down = w->shared_down,
        .up_bias = w->shared_up_bias,
        .gate_bias = w->shared_gate_bias,
        .down_bias = w->shared_down_bias,
        .room = net->shared,
        .scale = (float)net->spec.residual_scale,
        .add = !w->shared_weight };
    struct rows y = { .buf = net->y, .n = h.n }, weight = { .buf = net->shared_weight, .n = h.n };
    net_ffn(net, &p, h, w->shared_weight ? y : x);
    if (!w->shared_weight)
        return;
    struct routes *r = &net->routes;
    net->backend->ops->matmul(net->backend, w->shared_weight, h, weight, NULL);
    net->backend->ops->download(net->backend, weight, r->row_weights);
    for (uint32_t i = 0; i < h.n; i++) {
        r->rows[i] = i;
        r->row_weights[i] = 1 / (1 + expf(-r->row_weights[i]));
    }
    net->backend->ops->scatter(net->backend, r->rows, r->row_weights, y, x);
}

void net_experts(struct net *net, const struct layer *w, struct rows h, struct rows x) {
    routes_choose(net, w, h);
    if (net->backend->ops->matmul_groups && h.n > 0)
        experts_run(net, w, h, x);
    for (uint32_t e = 0; !net->backend->ops->matmul_groups && e < net->spec.experts.n; e++)
        expert_run(net, &w->experts[e], e, h, x);
    if (w->shared_up)
        shared_run(net, w, h, x);
}
