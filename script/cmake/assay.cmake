# What every room's CMakeLists.txt uses: warnings, sanitizers, pkg-config libraries, embedding, tests, fuzz targets.

add_library(assay_options INTERFACE)
target_include_directories(assay_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(assay_options INTERFACE _GNU_SOURCE)
target_compile_options(assay_options INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wvla -Wformat=2
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    -fno-strict-aliasing -ffp-contract=off)
# -ffp-contract=off: the same bits from every compiler; kernels that want fused multiply-add say so by intrinsics.
if(ASSAY_SANITIZE)
    target_compile_options(assay_options INTERFACE -fsanitize=${ASSAY_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(assay_options INTERFACE -fsanitize=${ASSAY_SANITIZE})
    if(ASSAY_SANITIZE MATCHES undefined)
        target_compile_options(assay_options INTERFACE -fno-sanitize-recover=undefined)
    endif()
endif()
if(ASSAY_FUZZ)
    target_compile_options(assay_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# assay_room(NAME SOURCES ... LINK ...): a static library assay_NAME.
function(assay_room name)
    cmake_parse_arguments(R "" "" "SOURCES;LINK" ${ARGN})
    add_library(assay_${name} STATIC ${R_SOURCES})
    target_link_libraries(assay_${name} PUBLIC assay_options ${R_LINK})
endfunction()

# assay_pkg(TARGET module...): imported targets PkgConfig::TARGET, required.
function(assay_pkg target)
    pkg_check_modules(${target} REQUIRED IMPORTED_TARGET GLOBAL ${ARGN})
endfunction()

# assay_embed(TARGET TABLE BASE files...): `const struct embedded TABLE[]` with the files, named relative to BASE.
function(assay_embed target table base)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${table}.c)
    list(JOIN ARGN "|" files)
    add_custom_command(OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DTABLE=${table} -DBASE=${base} "-DFILES=${files}"
            -P ${CMAKE_SOURCE_DIR}/script/cmake/embed.cmake
        DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/script/cmake/embed.cmake VERBATIM)
    target_sources(${target} PRIVATE ${out})
endfunction()

# assay_test(NAME SOURCES ... LINK ... [TIMEOUT s]): a cmocka program registered with ctest as ROOM.NAME.
# The timeout is a hang guard, not a measurement.
function(assay_test name)
    cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LINK;ARGS" ${ARGN})
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 300)
    endif()
    string(REPLACE "." "_" target "test_${name}")
    add_executable(${target} ${T_SOURCES})
    target_link_libraries(${target} PRIVATE ${T_LINK} PkgConfig::CMOCKA)
    target_compile_definitions(${target} PRIVATE ASSAY_TESTS_DIR="${CMAKE_SOURCE_DIR}/tests")
    add_test(NAME ${name} COMMAND ${target} ${T_ARGS})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} SKIP_RETURN_CODE 77)
endfunction()

# assay_fuzz(NAME SOURCE LINK ...): a libFuzzer program fuzz_NAME where ASSAY_FUZZ is on; elsewhere the same source is
# linked with a small main that runs each file given, so that the seeds are tested in every build.
function(assay_fuzz name source)
    cmake_parse_arguments(F "" "" "LINK;SEEDS" ${ARGN})
    add_executable(fuzz_${name} ${source})
    target_link_libraries(fuzz_${name} PRIVATE ${F_LINK})
    if(ASSAY_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
        add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${F_SEEDS})
        set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 300)
    endif()
endfunction()
