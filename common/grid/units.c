/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities with units, and the resources that are written with them. */
#include <math.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/grid/read.h"

struct unit {
    const char *name;
    double factor;
};

static const struct unit byte_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1e3},
    {"KB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
    {"KiB", (double)KIB},
    {"MiB", (double)MIB},
    {"GiB", (double)GIB},
    {"TiB", 1024 * (double)GIB},
};

static const struct unit duration_units[] = {
    {"ms", 1},
    {"s", 1e3},
    {"m", 60e3},
    {"min", 60e3},
    {"h", 3600e3},
    {"d", 86400e3},
};

/* "1.5GB" with the units given, rounded to an integer. */
static bool parse_quantity(
    const char *text, const struct unit *units, size_t units_count, uint64_t *ret_value)
{
    size_t digits = strspn(text, "0123456789.");
    if (digits == 0 || digits > 24) {
        return false;
    }
    char number[32] = {0};
    memcpy(number, text, digits);
    const char *unit = text + digits + strspn(text + digits, " ");
    double value = 0;
    if (!str_to_double(number, &value)) {
        return false;
    }
    for (size_t i = 0; i < units_count; i++) {
        if (strcmp(unit, units[i].name) == 0) {
            double product = value * units[i].factor;
            /* Doubles are exact up to 2^53; more bytes or milliseconds than that are a mistake.
             */
            if (!(product <= 9007199254740992.0)) {
                return false;
            }
            *ret_value = (uint64_t)llround(product);
            return true;
        }
    }
    return false;
}

bool parse_bytes(const char *text, uint64_t *ret_bytes)
{
    return parse_quantity(text, byte_units, ARRAY_LEN(byte_units), ret_bytes);
}

bool parse_duration_ms(const char *text, uint64_t *ret_ms)
{
    return parse_quantity(text, duration_units, ARRAY_LEN(duration_units), ret_ms);
}

enum {
    DEVICES_MAX = 100000, /* cores or devices of one task; keeps thousandths in 32 bits */
};

/* 2, 0.5 or "500m", in thousandths. */
static bool read_milli(
    const struct reader *reader, const struct node *map, const char *key, uint32_t *value)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    double number = -1;
    if (node_is_number(node)) {
        number = node_number(node) * 1000;
    } else if (node->kind == NODE_STRING && str_has_suffix(node->text, "m")) {
        char *digits = arena_strndup(reader->arena, node->text, node->text_length - 1);
        number = str_to_double(digits, &number) ? number : -1;
    }
    if (number >= 0 && number <= DEVICES_MAX * 1000.0 && number == floor(number)) {
        *value = (uint32_t)number;
        return true;
    }
    diag_at(
        reader->diags,
        "E003",
        reader->file,
        node,
        "write 2, 0.5 or 500m",
        "'%s' is not a number of %s",
        key,
        key);
    return false;
}

static bool read_bytes(
    const struct reader *reader, const struct node *map, const char *key, uint64_t *value)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    if (node->kind == NODE_INT && node->integer >= 0) {
        *value = (uint64_t)node->integer;
        return true;
    }
    if (node->kind == NODE_STRING && parse_bytes(node->text, value)) {
        return true;
    }
    diag_at(
        reader->diags,
        "E003",
        reader->file,
        node,
        "write a number of bytes, or one with a unit, such as 512MiB or 1.5GB",
        "'%s' is not a size",
        key);
    return false;
}

bool read_needs(const struct reader *reader, const struct node *map, struct resources *needs)
{
    static const char *const keys[] = {"cpus", "memory", "disk", "gpus", "nodes", NULL};
    if (!read_expect(reader, map, NODE_MAP, "'needs'")) {
        return false;
    }
    bool good = read_keys(reader, map, "'needs'", keys);
    good = read_milli(reader, map, "cpus", &needs->cpus_milli) && good;
    good = read_bytes(reader, map, "memory", &needs->memory_bytes) && good;
    good = read_bytes(reader, map, "disk", &needs->disk_bytes) && good;
    good = read_milli(reader, map, "gpus", &needs->gpus_milli) && good;
    int64_t nodes = needs->nodes;
    good = read_int(reader, map, "nodes", 1, DEVICES_MAX, &nodes) && good;
    needs->nodes = (uint32_t)nodes;
    return good;
}
