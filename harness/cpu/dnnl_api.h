/* What oneDNN's C API spells differently in 2.x and 3.x, and nothing else: layouts of matrices, the
 * description of an inner product, memory for plain weights. 3.x is written from its documentation
 * and has not been compiled here. */
#ifndef ASSAY_HARNESS_CPU_DNNL_API_H
#define ASSAY_HARNESS_CPU_DNNL_API_H

#include <oneapi/dnnl/dnnl.h>
#include <stdint.h>

/* sums [rows, columns] f32 = rows [rows, k] · weight [columns, k]ᵀ, both of one type. */
struct dnnl_product {
    dnnl_engine_t engine;
    uint32_t rows, columns, k;
    dnnl_data_type_t type;
};

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t dnnl_layout;

static inline dnnl_memory_desc_t dnnl_matrix(
    uint32_t rows, uint32_t cols, dnnl_data_type_t type, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t made = NULL;
    const dnnl_dims_t dims = { rows, cols };
    return dnnl_memory_desc_create_with_tag(&made, 2, dims, type, tag) == dnnl_success ? made
                                                                                       : NULL;
}

static inline dnnl_status_t dnnl_describe(
    const struct dnnl_product *p, dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out) {
    dnnl_memory_desc_t rows = dnnl_matrix(p->rows, p->k, p->type, dnnl_ab);
    dnnl_memory_desc_t weight = dnnl_matrix(p->columns, p->k, p->type, dnnl_format_tag_any);
    dnnl_memory_desc_t sums = dnnl_matrix(p->rows, p->columns, dnnl_f32, dnnl_ab);
    dnnl_status_t status = dnnl_inner_product_forward_primitive_desc_create(
        out, p->engine, dnnl_forward_inference, rows, weight, NULL, sums, attr);
    dnnl_memory_desc_destroy(rows);
    dnnl_memory_desc_destroy(weight);
    dnnl_memory_desc_destroy(sums);
    return status;
}

static inline dnnl_status_t dnnl_plain_weight(
    const struct dnnl_product *p, void *data, dnnl_memory_t *out) {
    dnnl_memory_desc_t plain = dnnl_matrix(p->columns, p->k, p->type, dnnl_ab);
    dnnl_status_t status = dnnl_memory_create(out, plain, p->engine, data);
    dnnl_memory_desc_destroy(plain);
    return status;
}
#else
typedef const dnnl_memory_desc_t *dnnl_layout;

static inline dnnl_memory_desc_t dnnl_matrix(
    uint32_t rows, uint32_t cols, dnnl_data_type_t type, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t made = { 0 };
    const dnnl_dims_t dims = { rows, cols };
    dnnl_memory_desc_init_by_tag(&made, 2, dims, type, tag);
    return made;
}

static inline dnnl_status_t dnnl_describe(
    const struct dnnl_product *p, dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out) {
    dnnl_memory_desc_t rows = dnnl_matrix(p->rows, p->k, p->type, dnnl_ab);
    dnnl_memory_desc_t weight = dnnl_matrix(p->columns, p->k, p->type, dnnl_format_tag_any);
    dnnl_memory_desc_t sums = dnnl_matrix(p->rows, p->columns, dnnl_f32, dnnl_ab);
    dnnl_inner_product_desc_t op;
    dnnl_status_t status = dnnl_inner_product_forward_desc_init(
        &op, dnnl_forward_inference, &rows, &weight, NULL, &sums);
    return status != dnnl_success ? status
                                  : dnnl_primitive_desc_create(out, &op, attr, p->engine, NULL);
}

static inline dnnl_status_t dnnl_plain_weight(
    const struct dnnl_product *p, void *data, dnnl_memory_t *out) {
    dnnl_memory_desc_t plain = dnnl_matrix(p->columns, p->k, p->type, dnnl_ab);
    return dnnl_memory_create(out, &plain, p->engine, data);
}
#endif

#endif
