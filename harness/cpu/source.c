/* Weights as the backend wants them, [n, k] rows of f32, out of tensors as files have them: part of
 * a tensor's rows, transposed, or with the rows of each head in GGUF's order. Everything is checked
 * at source_open. */
#include "harness/cpu/cpu.h"

#include <string.h>

#include "base/mem.h"

/* Shape of the part of the tensor that rows are read from: of a slice, what is behind the first
 * dimension. */
static const uint64_t *file_shape(const struct source *s) {
    return s->from.tensor->shape + (s->from.slice ? 1 : 0);
}

static uint32_t file_dims(const struct source *s) {
    return s->from.tensor->n_dims - (s->from.slice ? 1 : 0);
}

static uint64_t slice_elements(const struct source *s) {
    const struct tensor *t = s->from.tensor;
    return s->from.slice ? t->n_elements / t->shape[0] : t->n_elements;
}

/* The matrix of which the source is a part, or all. */
static uint64_t whole_n(const struct source *s) {
    return s->from.part.of_rows ? s->from.part.of_rows : s->n;
}

static uint64_t whole_k(const struct source *s) {
    return s->from.part.of_columns ? s->from.part.of_columns : s->k;
}

/* Columns that the file has of so many of ours: zeros are not among them. */
static uint64_t columns_in_file(const struct source *s, uint64_t k) {
    uint64_t run = s->from.run_columns, each = run + s->from.pad_columns;
    return run == 0 ? k : k / each * run;
}

static uint64_t columns_read(const struct source *s) {
    return columns_in_file(s, s->k);
}

static uint64_t columns_before(const struct source *s) {
    return columns_in_file(s, s->from.part.column);
}

/* Tables that a transposed tensor holds: of a stack, [tables, K, rows of each], one after the
 * other. */
static uint64_t tables(const struct source *s) {
    return file_dims(s) == 3 ? file_shape(s)[0] : 1;
}

static uint64_t file_columns(const struct source *s) {
    return s->from.transpose ? file_shape(s)[file_dims(s) - 1] : columns_in_file(s, whole_k(s));
}

/* One past the last of the file's rows that the matrix is made of. */
static uint64_t rows_end(const struct source *s) {
    uint64_t run = s->from.run, each = run + s->from.pad;
    if (run == 0)
        return s->from.row + whole_n(s);
    return s->from.row + (whole_n(s) / each - 1) * s->from.every + run;
}

/* Within the matrix; between columns of zeros, not among them. */
static bool part_fits(const struct source *s) {
    const struct weight_part *p = &s->from.part;
    uint64_t each = (uint64_t)s->from.run_columns + s->from.pad_columns;
    return p->row <= whole_n(s) && s->n <= whole_n(s) - p->row && p->column <= whole_k(s) &&
           s->k <= whole_k(s) - p->column &&
           (s->from.run_columns == 0 || (p->column % each == 0 && s->k % each == 0));
}

static bool is_whole(const struct weight_source *f) {
    return f->part.of_rows == 0 && f->part.of_columns == 0;
}

static bool fits(const struct source *s) {
    const struct tensor *t = s->from.tensor;
    const struct weight_source *f = &s->from;
    uint64_t n = whole_n(s), k = whole_k(s), rows = rows_end(s), columns = columns_in_file(s, k);
    uint64_t elements;
    if (s->k == 0 || s->n == 0 || !part_fits(s) || (f->n_rows != 0 && f->n_rows != n) ||
        (f->run != 0 && n % ((uint64_t)f->run + f->pad) != 0) ||
        (f->run_columns != 0 && k % ((uint64_t)f->run_columns + f->pad_columns) != 0) ||
        (f->slice && (t->n_dims < 2 || f->slice > t->shape[0])))
        return false;
    elements = slice_elements(s);
    if (rows < s->from.row)
        return false;
    if (f->transpose) {
        const uint32_t dims = file_dims(s);
        return (dims == 2 || dims == 3) && file_shape(s)[dims - 2] == columns &&
               rows <= tables(s) * file_shape(s)[dims - 1];
    }
    uint32_t block = tensor_type_info(t->type)->block_n;
    return elements % columns == 0 && rows <= elements / columns &&
           (columns % block == 0 || (is_whole(f) && n * k % block == 0));
}

bool source_open(
    struct source *s, const struct weight_source *from, uint64_t n, uint64_t k, struct err *err) {
    *s = (struct source) { .from = *from, .n = n, .k = k };
    if (!fits(s))
        return err_set(err, ERR_INPUT, "cannot read tensor '%s' as %llu rows of %llu from row %llu",
            from->tensor->name, (unsigned long long)n, (unsigned long long)k,
            (unsigned long long)from->row);
    if (from->permute_heads != 0 && whole_n(s) % (2 * (uint64_t)from->permute_heads) != 0)
        return err_set(err, ERR_INPUT,
            "cannot read tensor '%s': %llu rows are not %u heads of even width", from->tensor->name,
            (unsigned long long)whole_n(s), from->permute_heads);
    return true;
}

enum { NO_ROW = -1 };
#define ALL_TABLES UINT64_MAX

/* Where row r of ours is in the file, or NO_ROW: zeros. GGUF has rows of a head as pairs (0, half,
 * 1, half + 1, ...). */
static int64_t file_row(const struct source *s, uint64_t r) {
    const struct weight_source *f = &s->from;
    r += f->part.row;
    if (f->permute_heads != 0) {
        uint64_t width = whole_n(s) / f->permute_heads, in_head = r % width, half = width / 2;
        r = (r - in_head) + (in_head % half) * 2 + in_head / half;
    }
    if (f->run == 0)
        return (int64_t)(f->row + r);
    uint64_t each = (uint64_t)f->run + f->pad, in_run = r % each;
    return in_run >= f->run ? NO_ROW : (int64_t)(f->row + r / each * f->every + in_run);
}

/* Some columns of the file's row i, whatever the blocks of its type. */
static void read_columns(
    const struct source *s, uint64_t i, uint64_t from, uint64_t n, float *out) {
    const struct tensor *t = s->from.tensor;
    uint64_t width = file_columns(s), block = tensor_type_info(t->type)->block_n;
    uint64_t first = s->from.slice ? (s->from.slice - 1) * slice_elements(s) : 0;
    if ((first + i * width + from) % block == 0 && n % block == 0) {
        tensor_read_f32(t, (size_t)(first + i * width + from), (size_t)n, out);
        return;
    }
    float *row = xmalloc((size_t)width * sizeof *row);
    tensor_read_f32(t, (size_t)(first + i * width), (size_t)width, row);
    for (uint64_t j = 0; j < n; j++)
        out[j] = row[from + j];
    free(row);
}

/* The file's columns of a row, taken apart where zeros stand between them. `room` holds them all.
 */
static void columns_place(const struct source *s, const float *room, float *out) {
    uint64_t run = s->from.run_columns, each = run + s->from.pad_columns;
    for (uint64_t i = 0; i < s->k; i++)
        out[i] = i % each < run ? room[i / each * run + i % each] : 0;
}

static void read_row(const struct source *s, uint64_t row, float *out) {
    int64_t i = file_row(s, row);
    if (i == NO_ROW) {
        for (uint64_t j = 0; j < s->k; j++)
            out[j] = 0;
        return;
    }
    if (s->from.run_columns == 0) {
        read_columns(s, (uint64_t)i, columns_before(s), s->k, out);
        return;
    }
    float *room = xmalloc((size_t)columns_read(s) * sizeof *room);
    read_columns(s, (uint64_t)i, columns_before(s), columns_read(s), room);
    columns_place(s, room, out);
    free(room);
}

/* The columns [*from, *end) of one of the file's tables that hold our rows, in whole blocks; all of
 * them where our rows are of several tables. Says which table it is. */
static uint64_t columns_wanted(
    const struct source *s, uint64_t row, uint64_t n_rows, uint64_t *from, uint64_t *end) {
    uint64_t width = file_columns(s), block = tensor_type_info(s->from.tensor->type)->block_n;
    uint64_t first = UINT64_MAX, last = 0;
    for (uint64_t r = row; r < row + n_rows; r++) {
        int64_t at = file_row(s, r);
        if (at == NO_ROW)
            continue;
        first = (uint64_t)at < first ? (uint64_t)at : first;
        last = (uint64_t)at > last ? (uint64_t)at : last;
    }
    *from = 0, *end = first == UINT64_MAX ? 0 : width;
    if (*end == 0 || first / width != last / width)
        return ALL_TABLES;
    if (width % block == 0) {
        *from = first % width / block * block;
        *end = (last % width / block + 1) * block;
    }
    return first / width;
}

/* Rows are columns of the file: of each of its rows what is wanted is read once. */
static void read_transposed(const struct source *s, uint64_t row, uint64_t n_rows, float *out) {
    uint64_t width = file_columns(s), depth = columns_read(s), n_tables = tables(s), from, end;
    uint64_t of = columns_in_file(s, whole_k(s)), before = columns_before(s);
    uint64_t only = columns_wanted(s, row, n_rows, &from, &end);
    float *whole = xmalloc((size_t)(width * n_tables) * sizeof *whole);
    for (uint64_t i = 0; i < depth; i++) {
        for (uint64_t t = 0; t < n_tables && end > from; t++)
            if (only == ALL_TABLES || only == t)
                read_columns(s, t * of + before + i, from, end - from, whole + t * width + from);
        for (uint64_t r = 0; r < n_rows; r++) {
            int64_t at = file_row(s, row + r);
            out[r * s->k + i] = at == NO_ROW ? 0 : whole[at];
        }
    }
    free(whole);
}

/* n numbers of the row times its factor, where it has one. */
static void row_scale(const struct source *s, uint64_t row, uint64_t n, float *out) {
    uint64_t end = 0;
    for (uint32_t i = 0; i < s->from.n_scales; i++) {
        end += s->from.scales[i].n;
        if (s->from.part.row + row >= end)
            continue;
        for (uint64_t j = 0; j < n; j++)
            out[j] *= s->from.scales[i].factor;
        return;
    }
}

/* Row r is the file's, so many rows on. */
static bool is_in_order(const struct weight_source *f) {
    return f->permute_heads == 0 && f->run == 0 && f->run_columns == 0 && f->slice == 0 &&
           f->part.of_columns == 0;
}

/* The file has each number as it is wanted. */
static bool is_verbatim(const struct source *s, enum elem elem, size_t size) {
    const struct weight_source *f = &s->from;
    const struct tensor *t = f->tensor;
    bool same = t->type == (elem == ELEM_BF16 ? TENSOR_BF16 : TENSOR_F32) && t->derived == NULL;
    return same && !f->transpose && f->n_scales == 0 && f->add == 0 &&
           (uintptr_t)t->data % size == 0;
}

static size_t size_of(enum elem elem) {
    return elem == ELEM_BF16 ? sizeof(uint16_t) : sizeof(float);
}

const void *source_view(const struct source *s, enum elem elem, uint64_t row) {
    const struct weight_source *f = &s->from;
    size_t size = size_of(elem);
    if (!is_verbatim(s, elem, size) || !is_in_order(f))
        return NULL;
    return f->tensor->data + (f->row + f->part.row + row) * s->k * size;
}

void source_read(const struct source *s, uint64_t row, uint64_t n_rows, float *out) {
    const struct weight_source *f = &s->from;
    bool plain = is_in_order(f);
    BUG_IF(row + n_rows > s->n);
    if (f->transpose)
        read_transposed(s, row, n_rows, out);
    else if (plain)
        tensor_read_f32(
            f->tensor, (size_t)((f->row + f->part.row + row) * s->k), (size_t)(n_rows * s->k), out);
    else
        for (uint64_t r = 0; r < n_rows; r++)
            read_row(s, row + r, out + r * s->k);
    for (uint64_t r = 0; f->n_scales > 0 && r < n_rows; r++)
        row_scale(s, row + r, s->k, out + r * s->k);
    if (f->add != 0)
        for (uint64_t i = 0; i < n_rows * s->k; i++)
            out[i] += f->add;
}

bool source_has_rows(const struct source *s) {
    const struct weight_source *f = &s->from;
    uint32_t block = tensor_type_info(f->tensor->type)->block_n;
    return !f->transpose && f->run_columns == 0 && s->k % block == 0 && whole_k(s) % block == 0 &&
           f->part.column % block == 0;
}

/* Of a source that has rows: where element `from` of the file's row is in the tensor. */
static size_t element_of(const struct source *s, int64_t row, uint64_t from) {
    uint64_t first = s->from.slice ? (s->from.slice - 1) * slice_elements(s) : 0;
    return (size_t)(first + (uint64_t)row * whole_k(s) + s->from.part.column + from);
}

const void *source_row(const struct source *s, enum elem elem, uint64_t row) {
    size_t size = size_of(elem);
    int64_t at = file_row(s, row);
    if (!is_verbatim(s, elem, size) || s->from.run_columns != 0 || at == NO_ROW)
        return NULL;
    return s->from.tensor->data + element_of(s, at, 0) * size;
}

const uint8_t *source_blocks(const struct source *s, uint64_t row, uint64_t from) {
    const struct tensor *t = s->from.tensor;
    int64_t at = file_row(s, row);
    if (at == NO_ROW || t->derived != NULL || s->from.n_scales > 0 || s->from.add != 0)
        return NULL;
    const struct tensor_type_info *info = tensor_type_info(t->type);
    return t->data + element_of(s, at, from) / info->block_n * info->block_bytes;
}

bool source_scaled(const struct source *s, struct scaled_bytes *out) {
    return source_has_rows(s) && s->from.n_scales == 0 && s->from.add == 0 &&
           tensor_scaled_bytes(s->from.tensor, out) && out->cols == whole_k(s);
}

bool source_row_find(const struct source *s, uint64_t row, uint64_t *out) {
    int64_t at = file_row(s, row);
    *out = at == NO_ROW ? 0 : element_of(s, at, 0) / whole_k(s);
    return at != NO_ROW;
}

void source_read_part(const struct source *s, uint64_t row, uint64_t from, uint64_t n, float *out) {
    const struct weight_source *f = &s->from;
    int64_t at = file_row(s, row);
    BUG_IF(row >= s->n || from % SOURCE_PART != 0 || from + n > s->k);
    if (at == NO_ROW)
        memset(out, 0, (size_t)n * sizeof *out);
    else
        tensor_read_f32(f->tensor, element_of(s, at, from), (size_t)n, out);
    row_scale(s, row, n, out);
    for (uint64_t i = 0; f->add != 0 && i < n; i++)
        out[i] += f->add;
}

size_t source_bytes(const struct source *s) {
    const struct tensor *t = s->from.tensor;
    uint64_t n = s->n * columns_read(s);
    return n < t->n_elements ? (size_t)((double)t->bytes * (double)n / (double)t->n_elements)
                             : t->bytes;
}
