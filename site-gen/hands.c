/* Parts of a site, made side by side (see builder.h). */
#include <stdlib.h>

#include "base/embed.h"
#include "base/mem.h"
#include "base/pool.h"
#include "site-gen/builder.h"

extern const struct embedded site_templates[];

#define ITEMS_A_HAND 4 /* so that none waits long for the last of the others */

/* What became of an item. */
struct made {
    json_t *paths, *compared;
    struct memory memory;
    int n_pages;
    bool ok;
    struct err err;
};

struct hands {
    struct builder *of, *hands;
    size_t n;
    struct pool *pool;
};

/* Runs on a shelf are taken by each hand for itself; in a snapshot they lie where all see them. */
static void world_apart(const struct world *of, struct world *apart) {
    *apart = *of;
    json_t **own[] = { &apart->runs, &apart->results, &apart->runs_of };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        *own[i] = of->shelf ? json_object() : json_incref(*own[i]);
}

static bool hand_open(struct builder *hand, const struct builder *of, struct err *err) {
    *hand = *of;
    hand->page = (struct strbuf) { 0 };
    world_apart(&of->world, &hand->world);
    hand->press = press_open(site_templates, of->globals, err);
    return hand->press != NULL;
}

static void hand_close(struct builder *hand) {
    press_close(hand->press);
    json_decref(hand->world.runs);
    json_decref(hand->world.results);
    json_decref(hand->world.runs_of);
    strbuf_release(&hand->page);
}

struct hands *hands_open(struct builder *b, struct err *err) {
    bool apart = b->shelf && b->tree->writer; /* a tree without a writer takes one file at a time */
    struct hands *h = xcalloc(1, sizeof *h);
    h->of = b;
    h->pool = pool_new(apart ? pool_default_threads() : 1, err);
    bool ok = h->pool != NULL;
    h->hands = xcalloc(ok ? pool_n_threads(h->pool) : 1, sizeof *h->hands);
    while (ok && h->n < pool_n_threads(h->pool)) {
        ok = hand_open(&h->hands[h->n], b, err);
        h->n++;
    }
    if (ok)
        return h;
    hands_close(h);
    return NULL;
}

void hands_close(struct hands *h) {
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++)
        hand_close(&h->hands[i]);
    pool_free(h->pool);
    free(h->hands);
    free(h);
}

size_t hands_at_once(const struct hands *h) {
    return h->n * ITEMS_A_HAND;
}

struct work {
    struct hands *hands;
    hand_fn *fn;
    void *arg;
    struct made *made;
};

static void make(void *arg, unsigned thread, size_t item) {
    const struct work *work = arg;
    struct builder *hand = &work->hands->hands[thread];
    struct made *made = &work->made[item];
    *made = (struct made) { .paths = json_array(), .compared = json_array(), .err = ERR_INIT };
    memory_apart(&work->hands->of->memory, &made->memory);
    hand->paths = made->paths;
    hand->compared = made->compared;
    hand->memory = made->memory;
    hand->n_pages = 0;
    builder_open_outlet(hand);
    made->ok = work->fn(hand, work->arg, item, &made->err);
    made->n_pages = hand->n_pages;
}

static void join(struct builder *b, struct made *made) {
    json_array_extend(b->paths, made->paths);
    json_array_extend(b->compared, made->compared);
    memory_join(&b->memory, &made->memory);
    b->n_pages += made->n_pages;
    json_decref(made->paths);
    json_decref(made->compared);
}

bool hands_run(struct hands *h, size_t n_items, hand_fn *fn, void *arg, struct err *err) {
    struct made *made = xcalloc(n_items + 1, sizeof *made);
    struct work work = { h, fn, arg, made };
    bool ok = true;
    pool_run(h->pool, n_items, make, &work);
    for (size_t i = 0; i < n_items; i++) {
        if (ok && !made[i].ok) {
            ok = false;
            *err = made[i].err;
        }
        join(h->of, &made[i]);
    }
    free(made);
    return ok;
}
