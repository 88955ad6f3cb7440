/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and resources of a stage at a point: substituted, scales expanded, defaults and
 * derived seeds filled in. */
#include <string.h>

#include "common/grid/load.h"

/* --- Scales --- */

static struct node *scale_by_name(const struct grid *grid, const char *name)
{
    const struct grid_detail *detail = grid->detail;
    for (size_t i = 0; i < detail->scales_count; i++) {
        if (strcmp(detail->scales[i].name, name) == 0) {
            return detail->scales[i].tree;
        }
    }
    return NULL;
}

/* --- One stage at one point --- */

struct filling {
    const struct reader *reader;
    const struct grid *grid;
    const struct grid_stage *stage;
    const uint32_t *point;
    const char *at;     /* " at lr=5", for messages */
    struct node *given; /* explicit values, substituted */
    struct node *scale; /* fields of scales */
    struct node *params;
    bool complete; /* nothing given was lost, so that what is missing is missing */
    bool good;
};

/* " at lr=5": the axes that a parameter's value depends on, its own or those of the scale. */
static const char *at_text(const struct filling *filling, const struct manifest_param *param)
{
    const struct grid *grid = filling->grid;
    const struct node *with = filling->stage->with;
    const struct manifest *program = filling->stage->program;
    const struct node *own = with ? node_get(with, param->name) : NULL;
    uint32_t mask = own ? subst_axes(NULL, grid, own, UINT32_MAX, "") : 0;
    for (size_t i = 0; with && !own && i < program->params_count; i++) {
        const struct node *scale = node_get(with, program->params[i].name);
        if (scale && program->params[i].type == PARAM_SCALE) {
            mask |= subst_axes(NULL, grid, scale, UINT32_MAX, "");
        }
    }
    uint32_t named[LIMIT_AXES] = {0};
    for (size_t a = 0; a < grid->axes_count; a++) {
        named[a] = mask >> a & 1 ? filling->point[a] : GRID_NONE;
    }
    const char *name = grid_point_name(grid, named, filling->reader->arena);
    return name[0] ? arena_printf(filling->reader->arena, " at %s", name) : "";
}

/* The value as the parameter declares it, or NULL after a report. Where it stands is put into
 * words only for a report, since a stage may have a million points. */
static struct node *check_value(
    const struct filling *filling, const struct manifest_param *param, struct node *value)
{
    const struct reader *reader = filling->reader;
    struct diags unheard;
    diags_init(&unheard, reader->arena);
    const struct reader silent = {reader->arena, &unheard, reader->file};
    struct node *checked = param_value(&silent, param, value, "");
    if (checked && unheard.count == 0) {
        return checked;
    }
    return param_value(reader, param, value, at_text(filling, param));
}

static void fill_given(struct filling *filling)
{
    struct arena *arena = filling->reader->arena;
    const struct node *with = filling->stage->with;
    const struct manifest *program = filling->stage->program;
    for (size_t i = 0; i < program->params_count; i++) {
        const struct manifest_param *param = &program->params[i];
        const struct node *value = with ? node_get(with, param->name) : NULL;
        if (!value || param->type == PARAM_ARTIFACT) {
            continue;
        }
        bool maps = param->type == PARAM_SCALE || param->type == PARAM_MAP;
        struct node *filled =
            subst_tree(filling->reader, filling->grid, filling->point, value, maps);
        filling->good = filling->good && filled;
        if (filled) {
            node_set(arena, filling->given, param->name, filled);
        }
    }
}

static void fill_scales(struct filling *filling)
{
    const struct manifest *program = filling->stage->program;
    for (size_t i = 0; i < program->params_count; i++) {
        const struct manifest_param *param = &program->params[i];
        struct node *value = node_get(filling->given, param->name);
        if (param->type != PARAM_SCALE || !value) {
            continue;
        }
        if (!check_value(filling, param, value)) {
            filling->good = false;
            continue;
        }
        if (value->kind == NODE_STRING) {
            value = scale_by_name(filling->grid, value->text);
        }
        for (size_t f = 0; value && value->kind == NODE_MAP && f < value->map.count; f++) {
            const struct node_entry *field = &value->map.entries[f];
            node_set(filling->reader->arena, filling->scale, field->key, field->value);
        }
    }
}

/* An explicit value wins over a scale's. */
static struct node *value_of(const struct filling *filling, const struct manifest_param *param)
{
    struct node *value = node_get(filling->given, param->name);
    return value ? value : node_get(filling->scale, param->name);
}

static void fill_param(struct filling *filling, const struct manifest_param *param)
{
    const struct reader *reader = filling->reader;
    struct node *value = value_of(filling, param);
    if (value) {
        struct node *checked = check_value(filling, param, value);
        filling->good = filling->good && checked;
        if (checked) {
            node_set(reader->arena, filling->params, param->name, checked);
        }
        return;
    }
    if (param->fallback) {
        node_set(
            reader->arena,
            filling->params,
            param->name,
            node_clone(reader->arena, param->fallback));
        return;
    }
    filling->good = false;
    if (!filling->complete) {
        return;
    }
    diag_add(
        reader->diags,
        DIAG_ERROR,
        "E022",
        reader->file,
        filling->stage->line,
        filling->stage->column,
        filling->stage->column + (uint32_t)strlen(filling->stage->name),
        param->help,
        "stage '%s' needs parameter '%s' of program '%s'%s",
        filling->stage->name,
        param->name,
        filling->stage->program->name,
        at_text(filling, param));
}

/* Seeds that are not given follow from the one that they derive from, which has its value by
 * now. */
static void fill_derived(struct filling *filling, const struct manifest_param *param)
{
    struct arena *arena = filling->reader->arena;
    if (value_of(filling, param)) {
        fill_param(filling, param);
        return;
    }
    const struct node *seed = node_get(filling->params, param->derive);
    if (seed && seed->kind == NODE_INT) {
        int64_t derived = grid_derive_seed(param->name, seed->integer);
        node_set(arena, filling->params, param->name, node_int(arena, derived));
        return;
    }
    /* A seed that is wrong was reported; only one that is null by itself leaves this one
     * missing. */
    if (filling->good) {
        fill_param(filling, param);
    }
}

static bool fill(struct filling *filling)
{
    const struct manifest *program = filling->stage->program;
    struct arena *arena = filling->reader->arena;
    filling->good = true;
    filling->given = node_map(arena);
    filling->scale = node_map(arena);
    filling->params = node_map(arena);
    fill_given(filling);
    fill_scales(filling);
    filling->complete = filling->good;
    for (int derived = 0; derived < 2; derived++) {
        for (size_t i = 0; i < program->params_count; i++) {
            const struct manifest_param *param = &program->params[i];
            bool skipped = param->type == PARAM_SCALE || param->type == PARAM_ARTIFACT;
            if (skipped || (param->derive != NULL) != (derived == 1)) {
                continue;
            }
            if (derived) {
                fill_derived(filling, param);
            } else {
                fill_param(filling, param);
            }
        }
    }
    return filling->good;
}

bool grid_stage_params(
    const struct grid *grid,
    const struct grid_stage *stage,
    const uint32_t *point,
    struct arena *arena,
    struct diags *diags,
    struct node **ret_params)
{
    struct reader reader = {arena, diags, grid->file};
    if (!stage->program) {
        *ret_params = node_map(arena);
        return true;
    }
    struct filling filling = {
        .reader = &reader,
        .grid = grid,
        .stage = stage,
        .point = point,
    };
    if (!fill(&filling)) {
        return false;
    }
    *ret_params = filling.params;
    return true;
}

bool grid_stage_needs(
    const struct grid *grid,
    const struct grid_stage *stage,
    const uint32_t *point,
    struct arena *arena,
    struct diags *diags,
    struct resources *ret_needs)
{
    static const struct resources curate = {.cpus_milli = 1000, .nodes = 1};
    struct reader reader = {arena, diags, grid->file};
    struct resources needs = stage->program ? stage->program->needs : curate;
    if (stage->needs) {
        struct node *written = subst_tree(&reader, grid, point, stage->needs, false);
        if (!written || !read_needs(&reader, written, &needs)) {
            return false;
        }
    }
    *ret_needs = needs;
    return true;
}

int64_t grid_derive_seed(const char *label, int64_t seed)
{
    struct str text CLEANUP(str_done);
    str_init(&text, KIB);
    str_appendf(&text, "%s:%lld", label, (long long)seed);
    struct digest digest = digest_of(text.data, text.length);
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(value); i++) {
        value |= (uint64_t)digest.bytes[i] << (8 * i);
    }
    return (int64_t)(value >> 1);
}

/* --- All stages at loading --- */

static void check_keys(
    struct loader *loader, const struct grid_stage *stage, const struct stage_load *load)
{
    const struct reader *reader = &loader->reader;
    struct names names = {0};
    const char *what = arena_printf(reader->arena, "stage '%s'", stage->name);
    for (size_t i = 0; i < stage->program->params_count; i++) {
        names_add(reader->arena, &names, stage->program->params[i].name);
    }
    for (size_t i = 0; i < stage->with->map.count; i++) {
        const struct node_entry *entry = &stage->with->map.entries[i];
        if (!names_have(&names, entry->key)) {
            REPORT_KEY(
                reader,
                "E021",
                entry,
                names_help(reader->arena, &names, "parameters", entry->key),
                "program '%s' has no parameter '%s'",
                stage->program->name,
                entry->key);
        }
    }
    (void)subst_axes(reader, loader->grid, stage->with, load->over_mask, what);
}

/* Names of scales that stand in `with:` itself are read here, those of axes were read with the
 * axis. */
static void read_scales(struct loader *loader, const struct grid_stage *stage)
{
    for (size_t i = 0; stage->with && i < stage->program->params_count; i++) {
        const struct manifest_param *param = &stage->program->params[i];
        const struct node *value = node_get(stage->with, param->name);
        if (param->type == PARAM_SCALE && value && value->kind == NODE_STRING
            && !subst_has(value)) {
            (void)load_scale(loader, value->text, value);
        }
    }
}

/* The engine and what runs inside the worker or the coordinator know nothing of ranks. */
static void check_nodes(
    struct loader *loader, const struct grid_stage *stage, const struct resources *needs)
{
    const struct manifest *program = stage->program;
    if (needs->nodes <= 1
        || (program && !program->engine && !program->builtin && !program->decision)) {
        return;
    }
    diag_at(
        loader->reader.diags,
        "E025",
        loader->reader.file,
        stage->needs,
        "only a program with a command of its own runs as a gang",
        "stage '%s' cannot run on %u nodes",
        stage->name,
        needs->nodes);
}

/* Points that differ in what the values depend on, each tried once. */
static void check_points(
    struct loader *loader, const struct grid_stage *stage, const struct stage_load *load)
{
    struct grid *grid = loader->grid;
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    uint32_t mask = stage->with ? subst_axes(NULL, grid, stage->with, UINT32_MAX, "") : 0;
    mask |= stage->needs ? subst_axes(NULL, grid, stage->needs, UINT32_MAX, "") : 0;
    struct projection points =
        project(grid, load->points.points, load->points.count, mask & load->over_mask, scratch);
    /* Values are dropped; what was reported is in the diagnostics' own arena. */
    struct arena *values CLEANUP(arena_cleanup) = arena_create();
    for (size_t i = 0; i < points.count; i++) {
        const uint32_t *point = points.points + i * grid->axes_count;
        struct node *params = NULL;
        struct resources needs = {0};
        arena_reset(values);
        (void)grid_stage_params(grid, stage, point, values, loader->reader.diags, &params);
        if (grid_stage_needs(grid, stage, point, values, loader->reader.diags, &needs)) {
            check_nodes(loader, stage, &needs);
        }
    }
}

void load_values(struct loader *loader)
{
    struct grid *grid = loader->grid;
    for (size_t s = 0; s < grid->stages_count; s++) {
        const struct grid_stage *stage = &grid->stages[s];
        const struct stage_load *load = &loader->stages[s];
        if (load->broken) {
            continue;
        }
        size_t errors = loader->reader.diags->errors;
        if (stage->with && stage->program) {
            check_keys(loader, stage, load);
            read_scales(loader, stage);
        }
        if (stage->needs) {
            (void)subst_axes(&loader->reader, grid, stage->needs, load->over_mask, "'needs'");
        }
        if (loader->reader.diags->errors == errors) {
            check_points(loader, stage, load);
        }
    }
}
