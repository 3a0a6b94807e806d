/* Our words for cuBLASLt (harness/cuda/lt_api.h) beside its own header, where that is: compiled,
 * never run. */
#include <cublasLt.h>

#include "harness/cuda/lt_api.h"

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)
SAME(LT_SUCCESS, CUBLAS_STATUS_SUCCESS);
SAME(LT_NOT_INITIALIZED, CUBLAS_STATUS_NOT_INITIALIZED);
SAME(LT_NO_MEMORY, CUBLAS_STATUS_ALLOC_FAILED);
SAME(LT_INVALID_VALUE, CUBLAS_STATUS_INVALID_VALUE);
SAME(LT_NOT_SUPPORTED, CUBLAS_STATUS_NOT_SUPPORTED);
SAME(LT_F32, CUDA_R_32F);
SAME(LT_BF16, CUDA_R_16BF);
SAME(LT_COMPUTE_F32, CUBLAS_COMPUTE_32F);
SAME(LT_OP_N, CUBLAS_OP_N);
SAME(LT_OP_T, CUBLAS_OP_T);
SAME(LT_EPILOGUE_NONE, CUBLASLT_EPILOGUE_DEFAULT);
SAME(LT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_BIAS);
SAME(LT_EPILOGUE_GELU, CUBLASLT_EPILOGUE_GELU);
SAME(LT_EPILOGUE_GELU_BIAS, CUBLASLT_EPILOGUE_GELU_BIAS);
SAME(LT_DESC_TRANSA, CUBLASLT_MATMUL_DESC_TRANSA);
SAME(LT_DESC_TRANSB, CUBLASLT_MATMUL_DESC_TRANSB);
SAME(LT_DESC_EPILOGUE, CUBLASLT_MATMUL_DESC_EPILOGUE);
SAME(LT_DESC_BIAS, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
SAME(LT_DESC_BIAS_TYPE, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE);
SAME(LT_LAYOUT_COLS, CUBLASLT_MATRIX_LAYOUT_COLS);
SAME(LT_PREF_WORKSPACE, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
SAME(LT_PREF_REDUCTIONS, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK);
SAME(LT_PREF_ALIGNMENT_A, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
SAME(LT_PREF_ALIGNMENT_D, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
SAME(LT_CONFIG_ID, CUBLASLT_ALGO_CONFIG_ID);
SAME(LT_CONFIG_TILE, CUBLASLT_ALGO_CONFIG_TILE_ID);
SAME(LT_CONFIG_STAGES, CUBLASLT_ALGO_CONFIG_STAGES_ID);
SAME(LT_CONFIG_SPLITS, CUBLASLT_ALGO_CONFIG_SPLITK_NUM);
SAME(LT_CONFIG_REDUCTION, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME);
SAME(LT_CAP_NUMBERS, CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS);
SAME(LT_NUMBERS_TENSOR, CUBLASLT_NUMERICAL_IMPL_FLAGS_TENSOR_OP_MASK);
SAME(LT_NUMBERS_SUM_F16, CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_16F);
SAME(LT_NUMBERS_FROM_F16, CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16F);
SAME(LT_NUMBERS_FROM_BF16, CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16BF);
SAME(LT_NUMBERS_FROM_TF32, CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_TF32);
SAME(sizeof(struct lt_algo), sizeof(cublasLtMatmulAlgo_t));
SAME(sizeof(struct lt_found), sizeof(cublasLtMatmulHeuristicResult_t));
SAME(
    offsetof(struct lt_found, workspace), offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
SAME(offsetof(struct lt_found, state), offsetof(cublasLtMatmulHeuristicResult_t, state));

/* Arguments that a call has in both: as many, each converting to the other's. */
void lt_header_calls(struct lt_found *found);
void lt_header_calls(struct lt_found *found) {
    cublasLtMatmulAlgo_t algo = { { 0 } };
    void *p = NULL;
    int n = 0;
    size_t written = 0;
    (void)cublasLtMatmulAlgoGetHeuristic(
        p, p, p, p, p, p, p, 1, (cublasLtMatmulHeuristicResult_t *)(void *)found, &n);
    (void)cublasLtMatmul(p, p, p, p, p, p, p, p, p, p, p, p, &algo, p, written, NULL);
    (void)cublasLtMatmulAlgoCapGetAttribute(
        &algo, CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS, p, written, &written);
    (void)cublasLtMatmulAlgoConfigGetAttribute(
        &algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, p, written, &written);
    (void)cublasLtMatmulDescCreate((cublasLtMatmulDesc_t *)p, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    (void)cublasLtMatrixLayoutCreate((cublasLtMatrixLayout_t *)p, CUDA_R_32F, 1, 1, 1);
}
