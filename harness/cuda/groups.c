/* Experts of a layer together: products of many matrices, each with rows of its own, in one launch
 * (or one for each way that the matrices lie: groups.cu takes lists of one), and their outputs
 * weighed and added in one more. See cuda.h. */
#include "harness/cuda/cuda.h"

struct grouping {
    const struct matmul_group *groups;
    uint32_t n, tile_rows;
    struct matmul_args all;
};

/* Matrices in blocks have the tile for few rows alone; others that which their rows fill. */
static uint32_t tile_rows_of(enum kernel_blocks blocks, uint32_t n_rows, uint32_t n_groups) {
    uint32_t mean = n_rows / n_groups;
    if (blocks != KERNEL_PLAIN || mean <= GROUP_ROWS_FEW)
        return GROUP_ROWS_FEW;
    return mean <= GROUP_ROWS_SMALL + GROUP_ROWS_SMALL / 2 ? GROUP_ROWS_SMALL : GROUP_ROWS_WIDE;
}

static uint32_t tiles_of_group(const struct matmul_group *g, uint32_t tile_rows) {
    return (g->n + tile_rows - 1) / tile_rows;
}

/* Puts a group's row tiles into the list; returns how many. */
static uint32_t list_tiles(
    const struct matmul_group *g, uint32_t tile_rows, struct group_tile *out) {
    for (uint32_t row = 0, n = 0; row < g->n; row += tile_rows, n++)
        out[n] = (struct group_tile) { .weight = g->w->data,
            .bias = g->bias != NULL ? g->bias->data : NULL,
            .row = g->row + row,
            .n = g->n - row < tile_rows ? g->n - row : tile_rows };
    return tiles_of_group(g, tile_rows);
}

/* One launch for the groups whose matrices lie so. */
static void launch_some(struct cuda *c, const struct grouping *all, enum kernel_blocks blocks) {
    struct groups_args g = { .all = all->all,
        .tile_rows = tile_rows_of(blocks, all->all.x.n, all->n) };
    const void *on_device;
    g.all.blocks = blocks;
    for (uint32_t i = 0; i < all->n; i++)
        if (all->groups[i].w->blocks == blocks)
            g.n_tiles += tiles_of_group(&all->groups[i], g.tile_rows);
    if (g.n_tiles == 0)
        return;
    stage_begin(c);
    struct group_tile *tiles = stage_room(c, g.n_tiles * sizeof *tiles, &on_device);
    for (uint32_t i = 0, n = 0; i < all->n; i++)
        if (all->groups[i].w->blocks == blocks)
            n += list_tiles(&all->groups[i], g.tile_rows, tiles + n);
    stage_send(c);
    g.tiles = on_device;
    cuda_must(launch_groups(&g, c->stream), "groups");
}

/* Where tensor cores can't. */
static void one_by_one(struct cuda *c, const struct grouping *all) {
    for (uint32_t i = 0; i < all->n; i++) {
        const struct matmul_group *g = &all->groups[i];
        struct matmul_args a = all->all;
        a.x = rows_part(a.x, g->row, g->n);
        a.out = rows_part(a.out, g->row, g->n);
        a.bias = g->bias != NULL ? g->bias->data : NULL;
        matrix_product(c, g->w, 0, &a);
    }
}

void cuda_matmul_groups(struct backend *b, const struct matmul_group *groups, uint32_t n_groups,
    enum activation activation, struct rows x, struct rows out) {
    struct cuda *c = cuda_enter(b);
    struct grouping all = { .groups = groups,
        .n = n_groups,
        .all = { .x = rows_view(x, x.buf->cols),
            .out = rows_view(out, out.buf->cols),
            .activation = (enum kernel_activation)activation,
            .scale = 1 } };
    BUG_IF(x.buf->elem != c->caps.act || x.n != out.n);
    for (uint32_t i = 0; i < n_groups; i++) {
        const struct matmul_group *g = &groups[i];
        BUG_IF(g->w->n != all.all.out.cols || g->w->k != all.all.x.cols);
        BUG_IF(g->row > x.n || g->n > x.n - g->row || (g->bias && g->bias->n != g->w->n));
        count_filled(c, g->n);
    }
    if (!all.all.x.bf16 || all.all.x.cols % 8 != 0) {
        one_by_one(c, &all);
        return;
    }
    for (int blocks = KERNEL_PLAIN; n_groups > 0 && blocks < KERNEL_N_BLOCKS; blocks++)
        launch_some(c, &all, (enum kernel_blocks)blocks);
}

void cuda_gather_add(struct backend *b, const uint32_t *places, const float *weights,
    uint32_t n_each, struct rows x, struct rows out) {
    struct cuda *c = cuda_enter(b);
    uint32_t cols = out.buf->cols;
    size_t n = (size_t)out.n * n_each;
    struct gather_add_args a = {
        .x = rows_view(x, cols), .out = rows_view(out, cols), .n_each = n_each
    };
    BUG_IF(a.x.bf16 || a.out.bf16 || x.buf == out.buf);
    for (size_t i = 0; i < n; i++)
        BUG_IF(places[i] >= x.n);
    stage_begin(c);
    a.places = stage_add(c, places, n * sizeof *places);
    a.weights = stage_add(c, weights, n * sizeof *weights);
    stage_send(c);
    cuda_must(launch_gather_add(&a, c->stream), "gather_add");
}
