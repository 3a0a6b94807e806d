# Tests of the CPU backend on the other processor that it has kernels for: cross-compiled, and run by QEMU with every
# extension that it knows. Skipped, with the reason, where there is no such compiler or no QEMU.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    return() # they are the tests
endif()
set(ARM64_TESTS cpu_kernels cpu_ops cpu_parts cpu_bits cpu_source product panels)
find_program(ARM64_COMPILER aarch64-linux-gnu-gcc)
find_program(ARM64_RUNNER qemu-aarch64)
set(arm64_build ${CMAKE_CURRENT_BINARY_DIR}/arm64)

if(ARM64_COMPILER AND ARM64_RUNNER)
    include(ExternalProject)
    ExternalProject_Add(arm64
        SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/arm64
        BINARY_DIR ${arm64_build}
        CMAKE_ARGS -DCMAKE_TOOLCHAIN_FILE=${CMAKE_CURRENT_SOURCE_DIR}/arm64/toolchain.cmake
            -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS_DEBUG=-O2 -g" -DCMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}
        CMAKE_CACHE_ARGS "-DARM64_TESTS:STRING=${ARM64_TESTS}"
        BUILD_ALWAYS ON
        INSTALL_COMMAND "")
endif()
foreach(test IN LISTS ARM64_TESTS)
    set(name harness.arm64_${test})
    if(TARGET arm64)
        add_test(NAME ${name} COMMAND ${ARM64_RUNNER} -cpu max ${arm64_build}/test_${test})
        add_custom_target(test_harness_arm64_${test} DEPENDS arm64)
    else()
        add_test(NAME ${name} COMMAND sh -c
            "echo 'not run: aarch64-linux-gnu-gcc and qemu-aarch64 are not here (script/bootstrap --tests)'; exit 77")
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT 1800 SKIP_RETURN_CODE 77)
endforeach()
# Those of the bf16 dot product, which QEMU makes number by number, take three minutes: cpu_kernels has its rows alone.
set_tests_properties(harness.arm64_cpu_bits PROPERTIES ENVIRONMENT "TESTS=neon_*")
