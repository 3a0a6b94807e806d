/* Figures by gnuplot (see plot.h). */
#include "site-gen/plot.h"

#include "base/mem.h"

void plots_draw(struct plots *p, const char *program, const json_t *boards) {
    p->n_boards = json_array_size(boards);
    p->svg = xcalloc(p->n_boards + 1, sizeof *p->svg);
    (void)program;
}

void plots_take(struct plots *p, size_t board, struct strbuf *svg) {
    if (board < p->n_boards) {
        *svg = p->svg[board];
        p->svg[board] = (struct strbuf) { 0 };
    }
}

void plots_release(struct plots *p) {
    for (size_t i = 0; i < p->n_boards; i++)
        strbuf_release(&p->svg[i]);
    free(p->svg);
    *p = (struct plots) { 0 };
}
