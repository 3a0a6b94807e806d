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

# Where to look for what a build of the harness alone needs if there is no pkg-config: header, library, Debian's package.
set(known_jansson jansson.h jansson libjansson-dev)
set(known_lua5.4 lua.h "lua5.4|lua-5.4|lua54|lua" liblua5.4-dev)
set(known_libpcre2-8 pcre2.h pcre2-8 libpcre2-dev)
set(known_libutf8proc utf8proc.h utf8proc libutf8proc-dev)
set(known_libcrypto openssl/evp.h crypto libssl-dev)
set(known_cmocka cmocka.h cmocka libcmocka-dev)

# assay_find(TARGET module): PkgConfig::TARGET and TARGET_FOUND without pkg-config. CMAKE_PREFIX_PATH may name a folder.
function(assay_find target module)
    list(GET known_${module} 0 header)
    list(GET known_${module} 1 names)
    string(REPLACE "|" ";" names "${names}")
    find_path(${target}_HEADERS ${header} PATH_SUFFIXES lua5.4 lua-5.4 lua54 lua)
    find_library(${target}_LIBRARY NAMES ${names})
    mark_as_advanced(${target}_HEADERS ${target}_LIBRARY)
    if(${target}_HEADERS AND ${target}_LIBRARY)
        if(NOT TARGET PkgConfig::${target})
            add_library(PkgConfig::${target} INTERFACE IMPORTED GLOBAL)
            set(places ${${target}_HEADERS})
            foreach(at IN ITEMS "" /..) # where Debian puts what differs from processor to processor
                if(CMAKE_LIBRARY_ARCHITECTURE AND EXISTS ${${target}_HEADERS}${at}/${CMAKE_LIBRARY_ARCHITECTURE})
                    list(APPEND places ${${target}_HEADERS}${at}/${CMAKE_LIBRARY_ARCHITECTURE})
                endif()
            endforeach()
            target_include_directories(PkgConfig::${target} SYSTEM INTERFACE ${places})
            target_link_libraries(PkgConfig::${target} INTERFACE ${${target}_LIBRARY})
        endif()
        set(${target}_FOUND 1 CACHE INTERNAL "")
    else()
        set(${target}_FOUND "" CACHE INTERNAL "")
    endif()
endfunction()

# assay_pkg(TARGET module...): imported targets PkgConfig::TARGET, required.
function(assay_pkg target)
    if(PKG_CONFIG_FOUND)
        pkg_check_modules(${target} REQUIRED IMPORTED_TARGET GLOBAL ${ARGN})
        return()
    endif()
    if(NOT DEFINED known_${ARGN})
        message(FATAL_ERROR "${ARGN} is looked for by pkg-config, which is not here: install pkg-config")
    endif()
    assay_find(${target} ${ARGN})
    if(NOT ${target}_FOUND)
        list(GET known_${ARGN} 2 package)
        message(FATAL_ERROR "${ARGN} is not here, which this build needs: install ${package}, or say where it was unpacked "
            "by -DCMAKE_PREFIX_PATH=FOLDER/usr")
    endif()
endfunction()

# assay_pkg_optional(TARGET module): TARGET_FOUND says whether it is here; where -DASSAY_OPTIONAL=OFF it is not looked for.
function(assay_pkg_optional target module)
    if(NOT ASSAY_OPTIONAL)
        set(${target}_FOUND "" CACHE INTERNAL "")
    elseif(PKG_CONFIG_FOUND)
        pkg_check_modules(${target} IMPORTED_TARGET GLOBAL ${module})
    else()
        assay_find(${target} ${module})
    endif()
    if(NOT ${target}_FOUND)
        message(STATUS "built without ${module}")
    endif()
endfunction()

# assay_program(NAME main.c LIBRARY): the program, and version.h, which names the commit that is built, looked up at every build
# (-DASSAY_COMMIT= where the sources came without git).
function(assay_program name main library)
    add_custom_target(assay_version BYPRODUCTS ${CMAKE_CURRENT_BINARY_DIR}/version.h
        COMMAND ${CMAKE_COMMAND} -DVERSION=${PROJECT_VERSION} -DSOURCE=${CMAKE_SOURCE_DIR} -DIN=${CMAKE_SOURCE_DIR}/evaluator/version.h.in
            -DOUT=${CMAKE_CURRENT_BINARY_DIR}/version.h -DGIVEN=${ASSAY_COMMIT} -P ${CMAKE_SOURCE_DIR}/script/cmake/version.cmake VERBATIM)
    add_dependencies(${library} assay_version)
    target_include_directories(${library} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
    add_executable(${name} ${main})
    target_link_libraries(${name} PRIVATE ${library})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
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
