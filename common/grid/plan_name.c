/* SPDX-License-Identifier: Apache-2.0 */
#include "common/grid/plan_name.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/grid/plan_tables.h"

/* Appends to `at`, or only counts when that is NULL. */
static size_t write_text(char *at, const char *text)
{
    size_t length = strlen(text);
    if (at) {
        memcpy(at, text, length);
    }
    return length;
}

static size_t write_name(
    const struct plan *plan, uint32_t stage, const uint32_t *point, char *name)
{
    size_t length = write_text(name, plan->stages[stage]);
    const char *before = "/";
    for (size_t a = 0; a < plan->axes_count; a++) {
        if (point[a] != GRID_NONE) {
            length += write_text(name ? name + length : NULL, before);
            length += write_text(name ? name + length : NULL, plan->axes[a]);
            length += write_text(name ? name + length : NULL, "=");
            length += write_text(name ? name + length : NULL, plan->points[a][point[a]].id);
            before = ",";
        }
    }
    return length;
}

const char *plan_point_name(
    const struct plan *plan, uint32_t stage, const uint32_t *point, struct arena *arena)
{
    char *name = arena_alloc(arena, write_name(plan, stage, point, NULL) + 1);
    (void)write_name(plan, stage, point, name);
    return name;
}

/* What is left of `name` behind `text`, or NULL when it does not begin so. */
static const char *behind(const char *name, const char *text)
{
    size_t length = strlen(text);
    return name && strncmp(name, text, length) == 0 ? name + length : NULL;
}

bool plan_point_is_named(
    const struct plan *plan, uint32_t stage, const uint32_t *point, const char *name)
{
    const char *rest = behind(name, plan->stages[stage]);
    const char *before = "/";
    for (size_t a = 0; rest && a < plan->axes_count; a++) {
        if (point[a] != GRID_NONE) {
            rest = behind(rest, before);
            rest = behind(rest, plan->axes[a]);
            rest = behind(rest, "=");
            rest = behind(rest, plan->points[a][point[a]].id);
            before = ",";
        }
    }
    return rest && rest[0] == '\0';
}

uint32_t plan_find_task(const struct plan *plan, const char *name)
{
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        uint32_t rare = plan_row(plan, t)->rare;
        uint32_t own = rare != GRID_NONE ? plan->tables->rare[rare].name : INTERN_NONE;
        uint32_t stage = plan_task_traits(plan, t)->stage;
        bool found = own != INTERN_NONE
                         ? strcmp(plan_text(plan, own), name) == 0
                         : plan_point_is_named(plan, stage, plan_task_point(plan, t), name);
        if (found) {
            return t;
        }
    }
    return GRID_NONE;
}
