/* See fp8_files.h. */
#include "weight_files.h"

#include "fp8_files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "harness/cpu/kernels.h" /* bf16_from_f32 */

/* ---- a file of tensors ---- */

struct part {
    char name[128], shape[32];
    enum tensor_type type;
    void *data;
    size_t bytes;
};

enum { PARTS_MAX = 256 };
struct parts {
    struct part of[PARTS_MAX];
    size_t n;
};

static struct part *part_new(struct parts *p, enum tensor_type type, uint64_t n) {
    struct part *part = &p->of[p->n++];
    assert_true(p->n <= PARTS_MAX);
    part->type = type;
    part->bytes = (size_t)n * tensor_type_info(type)->block_bytes;
    part->data = xmalloc(part->bytes);
    return part;
}

static void parts_write(struct parts *p, const char *folder) {
    struct strbuf header = { 0 }, file = { 0 };
    size_t at = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct part *x = &p->of[i];
        strbuf_addf(&header,
            "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", i ? "," : "{",
            x->name, tensor_type_info(x->type)->name, x->shape, at, at + x->bytes);
        at += x->bytes;
    }
    strbuf_addc(&header, '}');
    uint64_t n = header.len;
    strbuf_add(&file, &n, sizeof n);
    strbuf_add(&file, header.text, header.len);
    for (size_t i = 0; i < p->n; i++) {
        strbuf_add(&file, p->of[i].data, p->of[i].bytes);
        free(p->of[i].data);
    }
    free(file_put(folder, "model.safetensors", file.text, file.len));
    strbuf_release(&header);
    strbuf_release(&file);
}

/* ---- scales ---- */

static uint32_t blocks_of(uint32_t n, uint32_t each) {
    return each == 0 ? 1 : (n + each - 1) / each;
}

static void scale_store(struct part *p, size_t i, float x) {
    uint16_t rounded = bf16_from_f32(x);
    if (p->type == TENSOR_F32)
        memcpy((uint8_t *)p->data + 4 * i, &x, sizeof x);
    else if (p->type == TENSOR_BF16)
        memcpy((uint8_t *)p->data + 2 * i, &rounded, sizeof rounded);
    else
        ((uint8_t *)p->data)[i] = (uint8_t)(127 + ilogbf(x));
}

static struct part *scales_new(
    struct parts *p, const struct fp8_layout *l, uint32_t n, uint32_t k) {
    uint32_t down = blocks_of(n, l->block_rows), across = blocks_of(k, l->block_cols);
    struct part *scales = part_new(p, l->scales, (uint64_t)down * across);
    if (l->block_rows != 0)
        snprintf(scales->shape, sizeof scales->shape, "%u,%u", down, across);
    return scales;
}

static void config_put(const char *folder, json_t *config, const struct fp8_layout *l) {
    json_t *quantization = json_pack("{s:s}", "quant_method", "fp8");
    if (l->block_rows > 1)
        json_object_set_new(quantization, "weight_block_size",
            json_pack("[i,i]", (int)l->block_rows, (int)l->block_cols));
    json_object_set_new(config, "quantization_config", quantization);
    char *text = json_dumps(config, 0);
    free(file_put(folder, "config.json", text, strlen(text)));
    free(text);
    json_decref(config);
}

/* ---- one weight ---- */

void fp8_noise(uint32_t seed, size_t n, uint8_t *out) {
    uint64_t state = seed;
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(tiny_random(&state) >> 8);
        out[i] ^= (out[i] & 127) == 127 ? 64 : 0;
    }
}

void fp8_write(const char *folder, const struct fp8_layout *layout, uint32_t n, uint32_t k,
    const uint8_t *bytes) {
    struct parts *p = xcalloc(1, sizeof *p);
    uint64_t state = 11;
    struct part *w = part_new(p, TENSOR_F8_E4M3, (uint64_t)n * k);
    snprintf(w->name, sizeof w->name, "l.weight");
    snprintf(w->shape, sizeof w->shape, "%u,%u", n, k);
    memcpy(w->data, bytes, w->bytes);
    struct part *scales = scales_new(p, layout, n, k);
    snprintf(scales->name, sizeof scales->name, "l.weight_scale_inv");
    for (size_t i = 0; i < scales->bytes / tensor_type_info(scales->type)->block_bytes; i++)
        scale_store(scales, i, (float)(tiny_random(&state) % 1000 + 500) / 64000);
    parts_write(p, folder);
    config_put(folder, json_pack("{s:s}", "model_type", "llama"), layout);
    free(p);
}

/* ---- a model ---- */

/* The byte whose number is nearest. In steps of its power of 2, which has eight, the number is what
 * the bytes from that power's first one on count. */
static uint8_t nearest(float x) {
    int power = x == 0 ? -6 : ilogbf(x);
    power = power < -6 ? -6 : power;
    long byte = 8 * (power + 6) + lrintf(ldexpf(fabsf(x), 3 - power));
    return (uint8_t)((byte < 126 ? byte : 126) | (x < 0 ? 128 : 0));
}

static bool is_of_layer(const struct tiny_tensor *t) {
    size_t n = strlen(t->name), m = strlen("_proj.weight");
    return t->cols != 0 && n > m && strcmp(t->name + n - m, "_proj.weight") == 0;
}

static void matrix_put(struct parts *p, const struct tiny_tensor *t) {
    enum { BLOCK = 128 };
    const struct fp8_layout layout = { "blocks", BLOCK, BLOCK, TENSOR_F32 };
    struct part *w = part_new(p, TENSOR_F8_E4M3, (uint64_t)t->rows * t->cols);
    struct part *scales = scales_new(p, &layout, t->rows, t->cols);
    snprintf(w->name, sizeof w->name, "%s", t->name);
    snprintf(w->shape, sizeof w->shape, "%u,%u", t->rows, t->cols);
    snprintf(scales->name, sizeof scales->name, "%s_scale_inv", t->name);
    uint32_t across = blocks_of(t->cols, BLOCK);
    for (uint32_t i = 0; i < blocks_of(t->rows, BLOCK) * across; i++)
        scale_store(scales, i, (float)(7 + i % 5) / 4096);
    for (uint32_t r = 0; r < t->rows; r++)
        for (uint32_t c = 0; c < t->cols; c++) {
            float scale = (float)(7 + (r / BLOCK * across + c / BLOCK) % 5) / 4096;
            ((uint8_t *)w->data)[(size_t)r * t->cols + c] =
                nearest(t->data[(size_t)r * t->cols + c] / scale);
        }
}

static void tensor_put(struct parts *p, const struct tiny_tensor *t) {
    struct part *w = part_new(p, TENSOR_F32, (uint64_t)t->rows * (t->cols ? t->cols : 1));
    snprintf(w->name, sizeof w->name, "%s", t->name);
    snprintf(w->shape, sizeof w->shape, t->cols ? "%u,%u" : "%u", t->rows, t->cols);
    memcpy(w->data, t->data, w->bytes);
}

void fp8_write_tiny(const struct tiny *t, const char *folder) {
    struct parts *p = xcalloc(1, sizeof *p);
    struct err err = ERR_INIT;
    tiny_write(t, folder);
    for (size_t i = 0; i < t->n_tensors; i++)
        (is_of_layer(&t->tensors[i]) ? matrix_put : tensor_put)(p, &t->tensors[i]);
    parts_write(p, folder);
    char *path = path_join(folder, "config.json");
    json_t *config = json_parse_file(path, 1 << 20, &err);
    assert_non_null(config);
    config_put(folder, config, &(struct fp8_layout) { "blocks", 128, 128, TENSOR_F32 });
    free(path);
    free(p);
}
