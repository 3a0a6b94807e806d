# The CPU backend. Kernel files are compiled for their instruction set and chosen at run time; they are optimised in
# debug builds too, where tests would take minutes otherwise.
set(cpu_DIR ${CMAKE_CURRENT_LIST_DIR})
set(cpu_SOURCES
    cpu/attend.c
    cpu/attend_bf16.c
    cpu/attend_bias.c
    cpu/attend_bundle.c
    cpu/attend_f32.c
    cpu/backend.c
    cpu/build_id.c
    cpu/gemm.c
    cpu/gemm_int8.c
    cpu/gemm_plain.c
    cpu/group.c
    cpu/isa.c
    cpu/kernels_int8_plain.c
    cpu/kernels_plain.c
    cpu/limits.c
    cpu/logprobs.c
    cpu/matmul.c
    cpu/matmul_int8.c
    cpu/ops_row.c
    cpu/packs.c
    cpu/packs_file.c
    cpu/packs_folder.c
    cpu/packs_writer.c
    cpu/panels.c
    cpu/product.c
    cpu/recur.c
    cpu/recur_delta.c
    cpu/recur_heads.c
    cpu/rotate.c
    cpu/source.c
    cpu/strips.c
    cpu/unfold.c)
set_source_files_properties(${cpu_DIR}/kernels_plain.c ${cpu_DIR}/kernels_int8_plain.c PROPERTIES COMPILE_OPTIONS "-O2")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    list(APPEND cpu_SOURCES cpu/kernels_avx2.c cpu/kernels_avx512.c cpu/kernels_avx512bf16.c
        cpu/kernels_int8_avx2.c cpu/kernels_int8_vnni.c cpu/unpack_avx512bf16.c)
    set(cpu_AVX2 -O3 -mavx2 -mfma)
    set(cpu_AVX512 ${cpu_AVX2} -mavx512f -mavx512bw -mavx512dq -mavx512vl)
    set_source_files_properties(${cpu_DIR}/kernels_avx2.c PROPERTIES COMPILE_OPTIONS "${cpu_AVX2}")
    set_source_files_properties(${cpu_DIR}/kernels_avx512.c PROPERTIES COMPILE_OPTIONS "${cpu_AVX512}")
    set_source_files_properties(${cpu_DIR}/kernels_avx512bf16.c ${cpu_DIR}/unpack_avx512bf16.c PROPERTIES
        COMPILE_OPTIONS "${cpu_AVX512};-mavx512bf16")
    set_source_files_properties(${cpu_DIR}/kernels_int8_avx2.c PROPERTIES COMPILE_OPTIONS "${cpu_AVX2}")
    set_source_files_properties(${cpu_DIR}/kernels_int8_vnni.c PROPERTIES COMPILE_OPTIONS "${cpu_AVX512};-mavx512vnni")
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    set(cpu_NEON -O3)
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU") # whose first scheduling lifts loads until sums don't fit in the registers
        list(APPEND cpu_NEON -fno-schedule-insns)
    endif()
    list(APPEND cpu_SOURCES cpu/kernels_neon.c)
    set_source_files_properties(${cpu_DIR}/kernels_neon.c PROPERTIES COMPILE_OPTIONS "${cpu_NEON}")
    include(CheckCCompilerFlag)
    check_c_compiler_flag(-march=armv8.2-a+bf16 HAVE_NEONBF16)
    if(HAVE_NEONBF16)
        list(APPEND cpu_SOURCES cpu/kernels_neonbf16.c)
        set_source_files_properties(${cpu_DIR}/kernels_neonbf16.c PROPERTIES COMPILE_OPTIONS
            "${cpu_NEON};-march=armv8.2-a+bf16")
        set_source_files_properties(${cpu_DIR}/isa.c PROPERTIES COMPILE_DEFINITIONS ASSAY_HAVE_NEONBF16)
    endif()
endif()

# oneDNN where it is installed. It brings OpenMP with it, of which we use one call: one thread, please.
set(cpu_LINK)
find_package(OpenMP QUIET COMPONENTS C)
if(DNNL_LIBRARY AND OpenMP_C_FOUND AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND cpu_SOURCES cpu/gemm_dnnl.c)
    list(APPEND cpu_LINK ${DNNL_LIBRARY} OpenMP::OpenMP_C)
    set_source_files_properties(${cpu_DIR}/gemm.c PROPERTIES COMPILE_DEFINITIONS ASSAY_HAVE_DNNL)
endif()
