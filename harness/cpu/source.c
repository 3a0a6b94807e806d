/* Weights as the backend wants them, [n, k] rows of f32, out of tensors as files have them: part of
 * a tensor's rows, transposed, or with the rows of each head in GGUF's order. Everything is checked
 * at source_open. */
#include "harness/cpu/cpu.h"

#include "base/mem.h"

static uint64_t file_columns(const struct source *s) {
    const struct tensor *t = s->from.tensor;
    return s->from.transpose ? t->shape[t->n_dims - 1] : s->k;
}

static bool fits(const struct source *s) {
    const struct tensor *t = s->from.tensor;
    uint64_t rows = s->from.row + s->n;
    if (rows < s->n || s->k == 0 || s->n == 0 || (s->from.n_rows != 0 && s->from.n_rows != s->n))
        return false;
    if (s->from.transpose)
        return t->n_dims == 2 && t->shape[0] == s->k && rows <= t->shape[1];
    uint32_t block = tensor_type_info(t->type)->block_n;
    return t->n_elements % s->k == 0 && rows <= t->n_elements / s->k &&
           (s->k % block == 0 || s->n * s->k % block == 0);
}

bool source_open(
    struct source *s, const struct weight_source *from, uint64_t n, uint64_t k, struct err *err) {
    *s = (struct source) { .from = *from, .n = n, .k = k };
    if (!fits(s))
        return err_set(err, ERR_INPUT, "cannot read tensor '%s' as %llu rows of %llu from row %llu",
            from->tensor->name, (unsigned long long)n, (unsigned long long)k,
            (unsigned long long)from->row);
    if (from->permute_heads != 0 && n % (2 * (uint64_t)from->permute_heads) != 0)
        return err_set(err, ERR_INPUT,
            "cannot read tensor '%s': %llu rows are not %u heads of even width", from->tensor->name,
            (unsigned long long)n, from->permute_heads);
    return true;
}

/* GGUF has rows of a head as pairs (0, half, 1, half + 1, ...): where row r of ours is. */
static uint64_t file_row(const struct source *s, uint64_t r) {
    if (s->from.permute_heads == 0)
        return s->from.row + r;
    uint64_t width = s->n / s->from.permute_heads, in_head = r % width, half = width / 2;
    return s->from.row + (r - in_head) + (in_head % half) * 2 + in_head / half;
}

/* Some columns of the file's row i, whatever the blocks of its type. */
static void read_columns(
    const struct source *s, uint64_t i, uint64_t from, uint64_t n, float *out) {
    const struct tensor *t = s->from.tensor;
    uint64_t width = file_columns(s), block = tensor_type_info(t->type)->block_n;
    if (from % block == 0 && n % block == 0) {
        tensor_read_f32(t, (size_t)(i * width + from), (size_t)n, out);
        return;
    }
    float *row = xmalloc((size_t)width * sizeof *row);
    tensor_read_f32(t, (size_t)(i * width), (size_t)width, row);
    for (uint64_t j = 0; j < n; j++)
        out[j] = row[from + j];
    free(row);
}

static void read_transposed(const struct source *s, uint64_t row, uint64_t n_rows, float *out) {
    float *part = xmalloc((size_t)n_rows * sizeof *part);
    for (uint64_t i = 0; i < s->k; i++) {
        read_columns(s, i, s->from.row + row, n_rows, part);
        for (uint64_t r = 0; r < n_rows; r++)
            out[r * s->k + i] = part[r];
    }
    free(part);
}

void source_read(const struct source *s, uint64_t row, uint64_t n_rows, float *out) {
    BUG_IF(row + n_rows > s->n);
    if (s->from.transpose)
        read_transposed(s, row, n_rows, out);
    else if (s->from.permute_heads == 0)
        tensor_read_f32(
            s->from.tensor, (size_t)(file_row(s, row) * s->k), (size_t)(n_rows * s->k), out);
    else
        for (uint64_t r = 0; r < n_rows; r++)
            tensor_read_f32(s->from.tensor, (size_t)(file_row(s, row + r) * s->k), (size_t)s->k,
                out + r * s->k);
    if (s->from.add != 0)
        for (uint64_t i = 0; i < n_rows * s->k; i++)
            out[i] += s->from.add;
}
