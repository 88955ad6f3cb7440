/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL files of coordinator/schema, compiled in by CMake in the order of their numbers. */
#ifndef ASSAY_STORE_SCHEMA_FILES_H
#define ASSAY_STORE_SCHEMA_FILES_H

#include <stddef.h>
#include <stdint.h>

struct schema_file {
    uint32_t version;
    const char *name;
    const char *text;
    size_t length;
};

extern const struct schema_file schema_files[];
extern const size_t schema_files_count;

#endif
