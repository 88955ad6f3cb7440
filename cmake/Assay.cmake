# SPDX-License-Identifier: Apache-2.0
# The functions that every folder's CMakeLists.txt is written with. Paths of SOURCES are relative to that folder.
# LINKS takes target names: layers (assay_base, assay_grid, ...), dependencies (dep::zmq, see Dependencies.cmake), or m.
#
#   assay_layer(NAME SOURCES a.c b.c ... [LINKS ...])
#       Static library target assay_NAME with the house's warnings. A layer lists in LINKS only what it may include.
#   assay_program(NAME SOURCES main.c ... [LINKS ...] [DESTINATION dir])
#       Executable target NAME (assayd, assay, ...) in <build>/bin, installed to bin (or DESTINATION).
#   assay_unit_test(NAME SOURCES x_test.c ... [LINKS ...] [TIMEOUT seconds])
#       cmocka program and CTest test NAME, label "unit". Names are unique in the tree: LAYER_MODULE_test.
#       The sources include "tests/unit/test.h".
#   assay_test_command(NAME COMMAND ... [LABEL label] [TIMEOUT seconds] [RESOURCE_LOCK name])
#       CTest test of any command, for scripts.
#   assay_fuzz_target(NAME SOURCES fuzz_x.c ... [LINKS ...] CORPUS dir)
#       With ASSAY_FUZZ a libFuzzer program; otherwise a program that calls LLVMFuzzerTestOneInput on every file below
#       CORPUS. Both are CTest tests, label "fuzz". Put the call into tests/fuzz/LAYER.cmake: all *.cmake there are included.
#   assay_add_folders(dir ...)
#       add_subdirectory() of those folders that have a CMakeLists.txt.
#
# With -DASSAY_PARTIAL=ON a target whose sources are not all there yet is left out with a message, so that a tree
# can be built while parts of it are being written.

add_library(assay_flags INTERFACE)
target_include_directories(assay_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_definitions(assay_flags INTERFACE _GNU_SOURCE)
# Contraction to FMA would make stored numbers depend on the processor.
target_compile_options(assay_flags INTERFACE
    -ffp-contract=off -fno-common -fstack-protector-strong
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Wswitch-enum -Wformat=2 -Wvla
    # Messages and names are cut at the end of their buffers on purpose.
    $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>
    $<$<C_COMPILER_ID:Clang>:-Wno-gnu-zero-variadic-macro-arguments>
    $<$<BOOL:${ASSAY_WERROR}>:-Werror>
    $<$<CONFIG:Debug>:-Og>)
target_compile_definitions(assay_flags INTERFACE $<$<CONFIG:RelWithDebInfo>:_FORTIFY_SOURCE=2>)

if(ASSAY_SANITIZE)
    add_compile_options(-fsanitize=${ASSAY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${ASSAY_SANITIZE})
endif()
if(ASSAY_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        message(FATAL_ERROR "ASSAY_FUZZ needs clang: cmake --preset fuzz")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(ASSAY_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()

option(ASSAY_PARTIAL "Leave out targets whose sources are missing" OFF)

# Sets `skip` in the caller when ASSAY_PARTIAL and a source is missing.
function(assay_check_sources name)
    set(skip OFF PARENT_SCOPE)
    foreach(source IN LISTS ARGN)
        get_filename_component(path ${source} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
        if(ASSAY_PARTIAL AND NOT EXISTS ${path})
            get_source_file_property(generated ${path} GENERATED)
            if(NOT generated)
                message(STATUS "left out: ${name}, which lacks ${source}")
                set(skip ON PARENT_SCOPE)
            endif()
        endif()
    endforeach()
endfunction()

function(assay_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
    assay_check_sources(${name} ${arg_SOURCES})
    if(skip)
        return()
    endif()
    add_library(assay_${name} STATIC ${arg_SOURCES})
    target_link_libraries(assay_${name} PUBLIC assay_flags ${arg_LINKS})
endfunction()

function(assay_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "DESTINATION" "SOURCES;LINKS")
    assay_check_sources(${name} ${arg_SOURCES})
    if(skip)
        return()
    endif()
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE assay_flags ${arg_LINKS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
    if(NOT arg_DESTINATION)
        set(arg_DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
    install(TARGETS ${name} RUNTIME DESTINATION ${arg_DESTINATION})
endfunction()

function(assay_unit_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LINKS")
    assay_check_sources(${name} ${arg_SOURCES})
    if(skip)
        return()
    endif()
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE assay_flags assay_test ${arg_LINKS} dep::cmocka)
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT ${arg_TIMEOUT})
endfunction()

function(assay_test_command name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT;RESOURCE_LOCK" "COMMAND")
    if(NOT arg_LABEL)
        set(arg_LABEL unit)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    add_test(NAME ${name} COMMAND ${arg_COMMAND})
    set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
    if(arg_RESOURCE_LOCK)
        set_tests_properties(${name} PROPERTIES RESOURCE_LOCK ${arg_RESOURCE_LOCK})
    endif()
endfunction()

function(assay_fuzz_target name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;LINKS")
    assay_check_sources(${name} ${arg_SOURCES})
    if(skip)
        return()
    endif()
    get_filename_component(corpus ${arg_CORPUS} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE assay_flags ${arg_LINKS})
    if(ASSAY_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        add_test(NAME ${name} COMMAND ${name} -runs=0 ${corpus})
    else()
        target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
        add_test(NAME ${name} COMMAND ${name} ${corpus})
    endif()
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 60)
endfunction()

function(assay_add_folders)
    foreach(folder IN LISTS ARGN)
        if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
            add_subdirectory(${folder})
        endif()
    endforeach()
endfunction()
