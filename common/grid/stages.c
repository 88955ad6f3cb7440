/* SPDX-License-Identifier: Apache-2.0 */
/* `stages:`: what each runs, over which axes and points. Sources are read by links.c,
 * parameters by values.c. */
#include <string.h>

#include "common/grid/load.h"

static const char *const stage_keys[] = {
    "over",
    "curate",
    "run",
    "from",
    "with",
    "only",
    "needs",
    "retry",
    "time",
    "priority",
    "at_most",
    "on_oom",
    NULL};

/* --- Before axes: programs, and what axes are for --- */

static void load_curate(struct loader *loader, struct grid_stage *stage, struct node *curate)
{
    const char *axis = subst_whole(loader->reader.arena, curate);
    stage->curate = true;
    if (axis) {
        names_add(loader->reader.arena, &loader->variant_axes, axis);
        return;
    }
    stage->curate_fixed = curate;
}

static void load_run(
    struct loader *loader,
    struct grid_stage *stage,
    struct stage_load *load,
    const struct node *map)
{
    const struct reader *reader = &loader->reader;
    const struct node *run = node_get(map, "run");
    if (run->kind == NODE_NULL) {
        REPORT(
            reader,
            "E003",
            run,
            "run: \"null\", with quotes, is the program that does nothing",
            "'run' names no program");
        load->broken = true;
        return;
    }
    if (!read_expect(reader, run, NODE_STRING, "'run'")) {
        load->broken = true;
        return;
    }
    stage->program = load_program(loader, run->text, run);
    load->broken = !stage->program;
    const struct node *with = node_get(map, "with");
    for (size_t i = 0; stage->program && i < stage->program->params_count; i++) {
        const struct manifest_param *param = &stage->program->params[i];
        const char *axis =
            subst_whole(reader->arena, with ? node_get(with, param->name) : NULL);
        if (axis && param->type == PARAM_SCALE) {
            names_add(reader->arena, &loader->scale_axes, axis);
        }
    }
}

static void declare_stage(struct loader *loader, const struct node_entry *entry)
{
    const struct reader *reader = &loader->reader;
    struct grid *grid = loader->grid;
    const char *what = arena_printf(reader->arena, "stage '%s'", entry->key);
    if (!read_plain_key(reader, entry, "a stage")
        || !read_expect(reader, entry->value, NODE_MAP, what)) {
        return;
    }
    struct stage_load *load = &loader->stages[grid->stages_count];
    struct grid_stage *stage = &grid->stages[grid->stages_count++];
    load->entry = entry;
    stage->name = entry->key;
    stage->curate_axis = GRID_NONE;
    stage->line = diag_line(entry->line);
    stage->column = entry->column;
    const struct node *map = entry->value;
    (void)read_keys(reader, map, what, stage_keys);
    struct node *curate = node_get(map, "curate");
    bool run = node_entry(map, "run") != NULL;
    if (run == (curate != NULL)) {
        REPORT_KEY(
            reader,
            "E004",
            entry,
            "run: PROGRAM, or curate: \"${variant}\"",
            run ? "stage '%s' has both 'run' and 'curate'"
                : "stage '%s' needs 'run' or 'curate'",
            entry->key);
        load->broken = true;
    } else if (run) {
        load_run(loader, stage, load, map);
    } else {
        load_curate(loader, stage, curate);
    }
}

void load_stage_programs(struct loader *loader)
{
    const struct reader *reader = &loader->reader;
    const struct node *map = node_get(loader->root, "stages");
    if (!map || !read_expect(reader, map, NODE_MAP, "'stages'")) {
        return;
    }
    if (map->map.count == 0) {
        REPORT(reader, "E004", map, NULL, "'stages' names no stage");
        return;
    }
    if (map->map.count > LIMIT_STAGES) {
        REPORT(reader, "E002", map, NULL, "more than %d stages", LIMIT_STAGES);
        return;
    }
    struct grid *grid = loader->grid;
    loader->stages = ARENA_ARRAY(reader->arena, struct stage_load, map->map.count);
    grid->stages = ARENA_ARRAY(reader->arena, struct grid_stage, map->map.count);
    for (size_t i = 0; i < map->map.count; i++) {
        declare_stage(loader, &map->map.entries[i]);
    }
}

/* --- After axes --- */

static void load_over(
    struct loader *loader,
    struct grid_stage *stage,
    struct stage_load *load,
    const struct node *map)
{
    const struct reader *reader = &loader->reader;
    const struct node *over = node_get(map, "over");
    if (!over) {
        return;
    }
    size_t errors = reader->diags->errors;
    if (!read_expect(reader, over, NODE_LIST, "'over'")) {
        load->broken = true;
        return;
    }
    for (size_t i = 0; i < over->list.count; i++) {
        const struct node *item = over->list.items[i];
        if (!read_expect(reader, item, NODE_STRING, "an axis in 'over'")) {
            continue;
        }
        uint32_t axis = need_axis(loader, NULL, item, item->text);
        if (axis == GRID_NONE) {
            continue;
        }
        if (load->over_mask >> axis & 1) {
            REPORT(reader, "E006", item, NULL, "axis '%s' stands twice in 'over'", item->text);
        }
        load->over_mask |= UINT32_C(1) << axis;
    }
    stage->over = ARENA_ARRAY(reader->arena, uint32_t, LIMIT_AXES);
    for (uint32_t a = 0; a < loader->grid->axes_count; a++) {
        if (load->over_mask >> a & 1) {
            stage->over[stage->over_count++] = a;
        }
    }
    load->broken = load->broken || reader->diags->errors > errors;
}

static void load_filter(
    struct loader *loader,
    struct grid_stage *stage,
    const struct node_entry *entry,
    uint32_t axis)
{
    struct arena *arena = loader->reader.arena;
    struct grid_filter *filter = &stage->only[stage->only_count++];
    filter->axis = axis;
    filter->allowed = ARENA_ARRAY(arena, bool, loader->grid->axes[axis].points_count);
    const struct node *value = entry->value;
    size_t count = value->kind == NODE_LIST ? value->list.count : 1;
    for (size_t i = 0; i < count; i++) {
        uint32_t point =
            need_point(loader, axis, value->kind == NODE_LIST ? value->list.items[i] : value);
        if (point != GRID_NONE) {
            filter->allowed[point] = true;
        }
    }
}

static void load_only(
    struct loader *loader,
    struct grid_stage *stage,
    const struct stage_load *load,
    const struct node *map)
{
    const struct reader *reader = &loader->reader;
    const struct node *only = node_get(map, "only");
    if (!only || !read_expect(reader, only, NODE_MAP, "'only'")) {
        return;
    }
    stage->only = ARENA_ARRAY(reader->arena, struct grid_filter, only->map.count);
    for (size_t i = 0; i < only->map.count; i++) {
        const struct node_entry *entry = &only->map.entries[i];
        uint32_t axis = need_axis(loader, entry, NULL, entry->key);
        if (axis == GRID_NONE) {
            continue;
        }
        if (!(load->over_mask >> axis & 1)) {
            REPORT_KEY(
                reader,
                "E051",
                entry,
                "add it to 'over'",
                "'only' names axis '%s', which stage '%s' is not over",
                entry->key,
                stage->name);
            continue;
        }
        load_filter(loader, stage, entry, axis);
    }
}

/* "x1.5": thousandths of 1 to 10. */
static bool read_factor(const struct node *node, uint32_t *ret_milli)
{
    double factor = 0;
    if (node->kind != NODE_STRING || node->text[0] != 'x'
        || !str_to_double(node->text + 1, &factor) || !(factor > 1 && factor <= 10)) {
        return false;
    }
    *ret_milli = (uint32_t)(factor * 1000 + 0.5);
    return true;
}

static void load_on_oom(
    const struct reader *reader, const struct node *map, struct stage_policy *policy)
{
    static const char *const keys[] = {"memory", "max", NULL};
    const struct node *rule = node_get(map, "on_oom");
    if (!rule || !read_expect(reader, rule, NODE_MAP, "'on_oom'")) {
        return;
    }
    (void)read_keys(reader, rule, "in 'on_oom'", keys);
    const struct node *factor = node_get(rule, "memory");
    if (!factor || !read_factor(factor, &policy->oom_milli)) {
        REPORT(
            reader,
            "E003",
            factor ? factor : rule,
            "on_oom: {memory: x2, max: 64GiB}",
            "'memory' of 'on_oom' is a factor between x1 and x10");
    }
    const struct node *max = node_get(rule, "max");
    if (max && (max->kind != NODE_STRING || !parse_bytes(max->text, &policy->oom_bytes_max))) {
        REPORT(reader, "E003", max, "write 64GiB or 512MB", "'max' is not a size");
    }
}

static void load_controls(
    struct loader *loader, struct grid_stage *stage, const struct node *map)
{
    const struct reader *reader = &loader->reader;
    int64_t retry = -1;
    int64_t priority = 0;
    int64_t at_most = 0;
    (void)read_int(reader, map, "retry", 0, 1000, &retry);
    (void)read_duration(reader, map, "time", &stage->time_ms);
    (void)read_int(reader, map, "priority", -LIMIT_PRIORITY, LIMIT_PRIORITY, &priority);
    (void)read_int(reader, map, "at_most", 1, LIMIT_TASKS_PER_GRID, &at_most);
    stage->failures_max = (uint32_t)(retry + 1);
    stage->policy.priority = (int32_t)priority;
    stage->policy.at_most = (uint32_t)at_most;
    load_on_oom(reader, map, &stage->policy);
    stage->needs = node_get(map, "needs");
    if (stage->needs && !read_expect(reader, stage->needs, NODE_MAP, "'needs'")) {
        stage->needs = NULL;
    }
    stage->with = node_get(map, "with");
    if (stage->with && !read_expect(reader, stage->with, NODE_MAP, "'with'")) {
        stage->with = NULL;
    }
}

/* A curate stage has its sources in the pipelines and no parameters of its own. */
static void check_curate(
    struct loader *loader,
    struct grid_stage *stage,
    struct stage_load *load,
    const struct node *map)
{
    const struct reader *reader = &loader->reader;
    static const char *const foreign[] = {"from", "with"};
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        if (node_entry(map, foreign[i])) {
            REPORT_KEY(
                reader,
                "E012",
                node_entry(map, foreign[i]),
                "a pipeline says where it starts: {from: INPUT, steps: [...]}",
                "'%s' does not belong to a curate stage",
                foreign[i]);
        }
    }
    const struct node *curate = node_get(map, "curate");
    const char *name = subst_whole(reader->arena, curate);
    if (!name) {
        return;
    }
    if (subst_axes(reader, loader->grid, curate, load->over_mask, "'curate'") == 0) {
        load->broken = true;
        return;
    }
    stage->curate_axis = find_axis(loader->grid, name);
    load->broken = load->broken || !(load->over_mask >> stage->curate_axis & 1);
}

static void warn_no_points(struct loader *loader, const struct stage_load *load)
{
    diag_add(
        loader->reader.diags,
        DIAG_WARNING,
        "W002",
        loader->reader.file,
        load->entry->line,
        load->entry->column,
        load->entry->column + (uint32_t)strlen(load->entry->key),
        NULL,
        "stage '%s' exists at no point of the grid",
        load->entry->key);
}

static void report_shared_name(struct loader *loader, const struct stage_load *load)
{
    const char *name = load->entry->key;
    bool input = find_input(loader->grid, name) != GRID_NONE;
    uint32_t axis = find_axis(loader->grid, name);
    bool files = axis != GRID_NONE && loader->grid->axes[axis].files_kind;
    if (input || files) {
        REPORT_KEY(
            &loader->reader,
            "E006",
            load->entry,
            "sources are named by stages and inputs alike",
            "'%s' names a stage and %s",
            name,
            input ? "an input" : "an axis of files");
    }
}

void load_stages(struct loader *loader)
{
    struct grid *grid = loader->grid;
    uint64_t tasks = 0;
    for (size_t i = 0; i < grid->stages_count; i++) {
        struct stage_load *load = &loader->stages[i];
        struct grid_stage *stage = &grid->stages[i];
        const struct node *map = load->entry->value;
        size_t errors = loader->reader.diags->errors;
        report_shared_name(loader, load);
        load_over(loader, stage, load, map);
        load_only(loader, stage, load, map);
        load_controls(loader, stage, map);
        if (stage->curate) {
            check_curate(loader, stage, load, map);
        }
        load->points.count =
            grid_stage_points(grid, stage, loader->reader.arena, &load->points.points);
        if (load->points.count == 0 && grid->cells_count > 0
            && loader->reader.diags->errors == errors) {
            warn_no_points(loader, load);
        }
        tasks += load->points.count;
    }
    if (tasks > LIMIT_TASKS_PER_GRID) {
        REPORT_KEY(
            &loader->reader,
            "E002",
            node_entry(loader->root, "stages"),
            NULL,
            "the grid has more than %d tasks",
            LIMIT_TASKS_PER_GRID);
    }
}
