# SPDX-License-Identifier: Apache-2.0
# Targets for people: format, format-check, tidy, check, coverage.

file(GLOB_RECURSE ASSAY_ALL_C CONFIGURE_DEPENDS
    common/*.[ch] proto/*.[ch] coordinator/*.[ch] worker/*.[ch] cli/*.[ch] curation/*.[ch] tests/*.[ch])

find_program(CLANG_FORMAT_PROGRAM NAMES clang-format-14 clang-format)
if(CLANG_FORMAT_PROGRAM)
    add_custom_target(format COMMAND ${CLANG_FORMAT_PROGRAM} -i ${ASSAY_ALL_C}
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
    add_custom_target(format-check COMMAND ${CLANG_FORMAT_PROGRAM} --dry-run -Werror ${ASSAY_ALL_C}
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
endif()

# One file per process: with several, clang-tidy 14 reports a false valist.Uninitialized.
find_program(CLANG_TIDY_PROGRAM NAMES clang-tidy-14 clang-tidy)
if(CLANG_TIDY_PROGRAM)
    add_custom_target(tidy
        COMMAND ${CMAKE_COMMAND} -E echo ${ASSAY_ALL_C} | tr " " "\\n" | grep "\\.c$$"
            | xargs -n 1 -P 2 ${CLANG_TIDY_PROGRAM} --quiet -p ${PROJECT_BINARY_DIR}
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endif()

add_custom_target(check COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure
    WORKING_DIRECTORY ${PROJECT_BINARY_DIR} USES_TERMINAL)

find_program(GCOVR_PROGRAM gcovr)
if(ASSAY_COVERAGE AND GCOVR_PROGRAM)
    add_custom_target(coverage
        COMMAND ${GCOVR_PROGRAM} --root ${PROJECT_SOURCE_DIR} --exclude tests/ --print-summary --txt coverage.txt
        WORKING_DIRECTORY ${PROJECT_BINARY_DIR} VERBATIM)
endif()
