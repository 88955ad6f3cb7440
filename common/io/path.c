/* SPDX-License-Identifier: Apache-2.0 */
/* Names and paths as text; nothing here looks at a filesystem. */
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/io/file.h"

static bool is_name_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
           || c == '.' || c == '_' || c == '-';
}

static bool is_safe_component(const char *name, size_t length)
{
    if (length == 0 || length > LIMIT_NAME) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_name_character(name[i])) {
            return false;
        }
    }
    bool dots_only = name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
    return !dots_only;
}

bool path_is_safe_name(const char *name)
{
    return is_safe_component(name, strnlen(name, LIMIT_NAME + 1));
}

bool path_is_safe_relative(const char *path)
{
    if (strnlen(path, LIMIT_RELATIVE_PATH + 1) > LIMIT_RELATIVE_PATH) {
        return false;
    }
    for (;;) {
        size_t length = strcspn(path, "/");
        if (!is_safe_component(path, length)) {
            return false;
        }
        if (path[length] == '\0') {
            return true;
        }
        path += length + 1;
    }
}

char *path_join(struct arena *arena, const char *base, const char *name)
{
    if (!base || base[0] == '\0' || strcmp(base, ".") == 0 || name[0] == '/') {
        return arena_strdup(arena, name);
    }
    const char *separator = str_has_suffix(base, "/") ? "" : "/";
    return arena_printf(arena, "%s%s%s", base, separator, name);
}

char *path_dirname(struct arena *arena, const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    if (length == 0) {
        return arena_strdup(arena, ".");
    }
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    return arena_strndup(arena, path, length);
}

const char *path_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool path_is_pattern(const char *path)
{
    return strpbrk(path, "*?") != NULL;
}

/* A component against a component, both without slashes: on a mismatch the last star takes one
 * more character. */
static bool component_matches(
    const char *pattern, const char *pattern_end, const char *name, const char *name_end)
{
    if (name < name_end && *name == '.' && (pattern == pattern_end || *pattern != '.')) {
        return false;
    }
    const char *star = NULL;
    const char *star_name = NULL;
    while (name < name_end) {
        if (pattern < pattern_end && *pattern == '*') {
            star = pattern++;
            star_name = name;
        } else if (pattern < pattern_end && (*pattern == '?' || *pattern == *name)) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++star_name;
        } else {
            return false;
        }
    }
    while (pattern < pattern_end && *pattern == '*') {
        pattern++;
    }
    return pattern == pattern_end;
}

static const char *component_end(const char *text)
{
    return text + strcspn(text, "/");
}

static const char *next_component(const char *end)
{
    return *end == '/' ? end + 1 : NULL;
}

/* The same scheme one level up: ** is the star and components are the characters. NULL is the
 * end. */
bool path_matches(const char *pattern, const char *path)
{
    const char *star = NULL;
    const char *star_path = NULL;
    while (path) {
        const char *path_end = component_end(path);
        const char *pattern_end = pattern ? component_end(pattern) : NULL;
        if (pattern && pattern_end - pattern == 2 && strncmp(pattern, "**", 2) == 0) {
            star = pattern;
            star_path = path;
            pattern = next_component(pattern_end);
        } else if (pattern && component_matches(pattern, pattern_end, path, path_end)) {
            pattern = next_component(pattern_end);
            path = next_component(path_end);
        } else if (star && *star_path != '.') {
            pattern = next_component(component_end(star));
            star_path = next_component(component_end(star_path));
            path = star_path;
        } else {
            return false;
        }
    }
    return !pattern;
}
