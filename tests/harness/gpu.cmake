# What needs a GPU has the label `gpu`, and skips with the reason where there is none; ASSAY_REQUIRE_GPU=1 makes that a failure.
# What is said of GPUs is tested everywhere, with a driver of the tests' own that the dynamic linker finds first.
foreach(fake libcuda libnvml)
    add_library(fake_${fake} MODULE fakes/${fake}.c)
    set_target_properties(fake_${fake} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fakes)
endforeach()
set_target_properties(fake_libcuda PROPERTIES OUTPUT_NAME libcuda SUFFIX .so.1)
set_target_properties(fake_libnvml PROPERTIES OUTPUT_NAME libnvidia-ml SUFFIX .so.1)
assay_test(harness.gpu_describe SOURCES test_gpu_describe.c LINK assay_harness ARGS fakes)
add_dependencies(test_harness_gpu_describe fake_libcuda fake_libnvml)
set_tests_properties(harness.gpu_describe PROPERTIES ENVIRONMENT "LD_LIBRARY_PATH=${CMAKE_BINARY_DIR}/fakes")
add_test(NAME harness.gpu_describe_nothing COMMAND test_harness_gpu_describe)

assay_test(harness.gpu_there SOURCES test_gpu_there.c LINK assay_harness)
assay_test(harness.cuda_model SOURCES test_cuda_model.c subjects.c tiny_models.c weight_files.c LINK assay_harness
    TIMEOUT 1800)
set_tests_properties(harness.gpu_there harness.cuda_model PROPERTIES LABELS gpu)
if(ASSAY_CUDA)
    add_dependencies(test_harness_gpu_there assay_cuda)
    add_dependencies(test_harness_cuda_model assay_cuda)
endif()
