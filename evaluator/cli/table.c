/* Tables (see table.h). */
#include "evaluator/cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "evaluator/cli/print.h"

#define COLUMNS_MAX 32
#define CELL_MAX 1024

struct table {
    struct arena arena;
    const char *titles[COLUMNS_MAX];
    bool right[COLUMNS_MAX];
    unsigned n_columns;
    const char **cells;
    size_t n, capacity;
};

struct table *table_new(const char *title, ...) {
    struct table *t = xcalloc(1, sizeof *t);
    va_list ap;
    va_start(ap, title);
    for (; title && t->n_columns < COLUMNS_MAX; title = va_arg(ap, const char *)) {
        t->right[t->n_columns] = title[0] == '>';
        t->titles[t->n_columns++] = title + (title[0] == '>');
    }
    va_end(ap);
    return t;
}

void table_column(struct table *t, const char *title, bool right) {
    BUG_IF(t->n > 0 || t->n_columns == COLUMNS_MAX);
    char *plain = printable(title, CELL_MAX);
    t->right[t->n_columns] = right;
    t->titles[t->n_columns++] = arena_strdup(&t->arena, plain);
    free(plain);
}

void table_cell(struct table *t, const char *text) {
    mem_grow(&t->cells, &t->capacity, t->n + 1, sizeof *t->cells);
    char *plain = text && *text ? printable(text, CELL_MAX) : NULL;
    t->cells[t->n++] = arena_strdup(&t->arena, plain ? plain : "-");
    free(plain);
}

void table_cellf(struct table *t, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    table_cell(t, text);
}

static size_t width_of(const char *s) {
    return utf8_length(s, strlen(s));
}

static void print_cell(
    const struct table *t, unsigned column, const char *text, size_t width, bool last) {
    size_t n = width_of(text), pad = width > n ? width - n : 0;
    if (t->right[column]) {
        printf("%*s%s", (int)pad, "", text);
    } else {
        printf("%s%*s", text, last ? 0 : (int)pad, "");
    }
}

static void print_row(
    const struct table *t, const char *const *cells, const size_t *widths, bool markdown) {
    for (unsigned c = 0; c < t->n_columns; c++) {
        bool last = c + 1 == t->n_columns;
        fputs(markdown ? (c ? " | " : "| ") : (c ? "  " : ""), stdout);
        print_cell(t, c, cells[c], widths[c], last && !markdown);
    }
    puts(markdown ? " |" : "");
}

static void print_padded(const struct table *t, bool markdown) {
    size_t widths[COLUMNS_MAX];
    for (unsigned c = 0; c < t->n_columns; c++) {
        widths[c] = width_of(t->titles[c]);
    }
    for (size_t i = 0; i < t->n; i++) {
        size_t n = width_of(t->cells[i]);
        widths[i % t->n_columns] = n > widths[i % t->n_columns] ? n : widths[i % t->n_columns];
    }
    print_row(t, t->titles, widths, markdown);
    for (unsigned c = 0; markdown && c < t->n_columns; c++) {
        printf("%s%s", c ? "|" : "|", t->right[c] ? "---:" : "---");
    }
    if (markdown) {
        puts("|");
    }
    for (size_t i = 0; i + t->n_columns <= t->n; i += t->n_columns) {
        print_row(t, t->cells + i, widths, markdown);
    }
}

static void print_tabs(const struct table *t) {
    for (size_t i = 0; i < t->n; i++) {
        printf("%s%c", t->cells[i], (i + 1) % t->n_columns ? '\t' : '\n');
    }
}

void table_free(struct table *t) {
    arena_release(&t->arena);
    free(t->cells);
    free(t);
}

void table_print(struct table *t, bool markdown) {
    if (markdown || isatty(STDOUT_FILENO)) {
        print_padded(t, markdown);
    } else {
        print_tabs(t);
    }
    table_free(t);
}
