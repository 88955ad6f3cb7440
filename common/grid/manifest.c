/* SPDX-License-Identifier: Apache-2.0 */
#include "common/grid/manifest.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/grid/read.h"

/* A manifest while it is read. */
struct parse {
    struct reader reader;
    struct manifest *manifest;
    bool good;
};

static void note(struct parse *parse, bool good)
{
    parse->good = parse->good && good;
}

/* --- Parameters --- */

static const char *const param_types[] = {
    "int", "real", "bool", "string", "list", "map", "scale", "artifact", NULL};

static const struct manifest_param *find_param(
    const struct manifest *manifest, const char *name)
{
    for (size_t i = 0; name && i < manifest->params_count; i++) {
        if (strcmp(manifest->params[i].name, name) == 0) {
            return &manifest->params[i];
        }
    }
    return NULL;
}

static const struct manifest_input *find_input(
    const struct manifest *manifest, const char *name)
{
    for (size_t i = 0; name && i < manifest->inputs_count; i++) {
        if (strcmp(manifest->inputs[i].name, name) == 0) {
            return &manifest->inputs[i];
        }
    }
    return NULL;
}

static bool read_bounds(
    const struct reader *reader, const struct node *map, struct manifest_param *param)
{
    param->min = node_get(map, "min");
    param->max = node_get(map, "max");
    param->choices = node_get(map, "choices");
    bool good = true;
    const struct node *bounds[] = {param->min, param->max};
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        if (bounds[i] && !node_is_number(bounds[i])) {
            diag_at(
                reader->diags,
                "E003",
                reader->file,
                bounds[i],
                NULL,
                "a bound of parameter '%s' must be a number",
                param->name);
            good = false;
        }
    }
    if (param->choices) {
        good = read_expect(reader, param->choices, NODE_LIST, "'choices'") && good;
    }
    return good;
}

static bool read_param(
    const struct reader *reader, const struct node_entry *entry, struct manifest_param *param)
{
    static const char *const keys[] = {
        "type", "default", "min", "max", "choices", "neutral", "derive", "help", "kind", NULL};
    param->name = entry->key;
    const char *what = arena_printf(reader->arena, "parameter '%s'", entry->key);
    if (!read_plain_key(reader, entry, "a parameter")
        || !read_expect(reader, entry->value, NODE_MAP, what)) {
        return false;
    }
    const struct node *map = entry->value;
    int type = PARAM_STRING;
    bool good = read_keys(reader, map, what, keys);
    good = read_required(reader, map, "type", entry)
           && read_choice(reader, map, "type", param_types, &type) && good;
    param->type = (enum param_type)type;
    param->help = read_text(reader, map, "help");
    param->kind = read_text(reader, map, "kind");
    param->derive = read_text(reader, map, "derive");
    good = good && read_bounds(reader, map, param);
    /* The default stands before it is checked, since `default: null` allows null itself. */
    param->fallback = node_get(map, "default");
    param->neutral = node_get(map, "neutral");
    if (good && param->fallback) {
        param->fallback = param_value(reader, param, param->fallback, "");
        good = param->fallback != NULL;
    }
    if (good && param->neutral) {
        param->neutral = param_value(reader, param, param->neutral, "");
        good = param->neutral != NULL;
    }
    if (good && param->type == PARAM_ARTIFACT && param->fallback
        && param->fallback->kind != NODE_NULL) {
        diag_at(
            reader->diags,
            "E023",
            reader->file,
            param->fallback,
            "write 'default: null' for one that may be left out",
            "artifact parameter '%s' cannot have a default",
            param->name);
        good = false;
    }
    return good;
}

static void read_params(struct parse *parse, const struct node *root)
{
    const struct node *map = node_get(root, "parameters");
    if (!map) {
        return;
    }
    if (!read_expect(&parse->reader, map, NODE_MAP, "'parameters'")) {
        note(parse, false);
        return;
    }
    struct manifest *manifest = parse->manifest;
    manifest->params = ARENA_ARRAY(parse->reader.arena, struct manifest_param, map->map.count);
    for (size_t i = 0; i < map->map.count; i++) {
        struct manifest_param *param = &manifest->params[manifest->params_count++];
        note(parse, read_param(&parse->reader, &map->map.entries[i], param));
    }
    for (size_t i = 0; i < manifest->params_count; i++) {
        const struct manifest_param *param = &manifest->params[i];
        const struct manifest_param *seed = find_param(manifest, param->derive);
        if (param->derive && (!seed || seed->type != PARAM_INT || param->type != PARAM_INT)) {
            diag_at(
                parse->reader.diags,
                "E021",
                parse->reader.file,
                node_get(map->map.entries[i].value, "derive"),
                NULL,
                "'derive' of '%s' must name an int parameter, and it must be one itself",
                param->name);
            note(parse, false);
        }
    }
}

/* --- Inputs, outputs, metrics --- */

static bool read_input(
    const struct reader *reader, const struct node_entry *entry, struct manifest_input *input)
{
    static const char *const keys[] = {
        "kind", "many", "optional", "masked", "of", "seed", "help", NULL};
    input->name = entry->key;
    const char *what = arena_printf(reader->arena, "input '%s'", entry->key);
    if (!read_plain_key(reader, entry, "an input")
        || !read_expect(reader, entry->value, NODE_MAP, what)) {
        return false;
    }
    const struct node *map = entry->value;
    bool good = read_keys(reader, map, what, keys);
    input->kind = read_required(reader, map, "kind", entry);
    input->order_of = read_text(reader, map, "of");
    input->order_seed = read_text(reader, map, "seed");
    input->help = read_text(reader, map, "help");
    good = read_bool(reader, map, "many", &input->many) && good;
    good = read_bool(reader, map, "optional", &input->optional) && good;
    good = read_bool(reader, map, "masked", &input->masked) && good;
    return good && input->kind;
}

/* An input of kind `order` names the view that it orders and the seed that orders it. */
static bool check_order(
    const struct reader *reader,
    const struct manifest *manifest,
    const struct manifest_input *input,
    const struct node_entry *entry)
{
    bool order = strcmp(input->kind, "order") == 0;
    if (!order && (input->order_of || input->order_seed)) {
        diag_at_key(
            reader->diags,
            "E012",
            reader->file,
            entry,
            NULL,
            "'of' and 'seed' belong to inputs of kind 'order', '%s' is of kind '%s'",
            input->name,
            input->kind);
        return false;
    }
    const struct manifest_param *seed = find_param(manifest, input->order_seed);
    const struct manifest_input *view = find_input(manifest, input->order_of);
    if (order && (!view || !seed || seed->type != PARAM_INT)) {
        diag_at_key(
            reader->diags,
            "E054",
            reader->file,
            entry,
            "{kind: order, of: INPUT, seed: PARAMETER}",
            "input '%s' of kind 'order' must name an input in 'of' and an int parameter in 'seed'",
            input->name);
        return false;
    }
    return true;
}

static void read_inputs(struct parse *parse, const struct node *root)
{
    const struct node *map = node_get(root, "inputs");
    if (!map) {
        return;
    }
    if (!read_expect(&parse->reader, map, NODE_MAP, "'inputs'")) {
        note(parse, false);
        return;
    }
    struct manifest *manifest = parse->manifest;
    manifest->inputs = ARENA_ARRAY(parse->reader.arena, struct manifest_input, map->map.count);
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        struct manifest_input *input = &manifest->inputs[manifest->inputs_count++];
        note(parse, read_input(&parse->reader, entry, input));
        const struct manifest_param *param = find_param(manifest, entry->key);
        if (param && param->type == PARAM_ARTIFACT) {
            diag_at_key(
                parse->reader.diags,
                "E006",
                parse->reader.file,
                entry,
                NULL,
                "input '%s' is also an artifact parameter",
                entry->key);
            note(parse, false);
        }
    }
    for (size_t i = 0; parse->good && i < manifest->inputs_count; i++) {
        note(
            parse,
            check_order(&parse->reader, manifest, &manifest->inputs[i], &map->map.entries[i]));
    }
}

static void read_outputs(struct parse *parse, const struct node *root)
{
    static const char *const keys[] = {"kind", "help", NULL};
    const struct node *map = node_get(root, "outputs");
    if (!map) {
        return;
    }
    const struct reader *reader = &parse->reader;
    if (!read_expect(reader, map, NODE_MAP, "'outputs'")) {
        note(parse, false);
        return;
    }
    struct manifest *manifest = parse->manifest;
    manifest->outputs = ARENA_ARRAY(reader->arena, struct manifest_output, map->map.count);
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        const char *what = arena_printf(reader->arena, "output '%s'", entry->key);
        bool good = read_plain_key(reader, entry, "an output")
                    && read_expect(reader, entry->value, NODE_MAP, what)
                    && read_keys(reader, entry->value, what, keys);
        struct manifest_output *output = &manifest->outputs[manifest->outputs_count++];
        output->name = entry->key;
        output->kind = good ? read_required(reader, entry->value, "kind", entry) : NULL;
        output->help = good ? read_text(reader, entry->value, "help") : NULL;
        note(parse, good && output->kind);
    }
}

static bool metric_name_is_valid(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= LIMIT_METRIC_NAME && name_is_valid(name);
}

/* "1" is the unit of a plain number, and need not be quoted. */
static const char *read_unit(const struct reader *reader, const struct node *map)
{
    const struct node *unit = node_get(map, "unit");
    return node_is_number(unit) && unit->text ? unit->text : read_text(reader, map, "unit");
}

static void read_metrics(struct parse *parse, const struct node *root)
{
    static const char *const keys[] = {"better", "unit", "take", "help", NULL};
    static const char *const better[] = {"lower", "higher", "neither", NULL};
    static const char *const take[] = {"last", "min", "max", "mean", NULL};
    const struct node *map = node_get(root, "metrics");
    if (!map) {
        return;
    }
    const struct reader *reader = &parse->reader;
    if (!read_expect(reader, map, NODE_MAP, "'metrics'")) {
        note(parse, false);
        return;
    }
    struct manifest *manifest = parse->manifest;
    manifest->metrics = ARENA_ARRAY(reader->arena, struct manifest_metric, map->map.count);
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        const char *what = arena_printf(reader->arena, "metric '%s'", entry->key);
        if (!metric_name_is_valid(entry->key)) {
            diag_at_key(
                reader->diags,
                "E005",
                reader->file,
                entry,
                NULL,
                "'%s' cannot name a metric",
                entry->key);
            note(parse, false);
        }
        if (!read_expect(reader, entry->value, NODE_MAP, what)) {
            note(parse, false);
            continue;
        }
        int better_index = METRIC_NEITHER;
        int take_index = TAKE_LAST;
        note(parse, read_keys(reader, entry->value, what, keys));
        note(parse, read_choice(reader, entry->value, "better", better, &better_index));
        note(parse, read_choice(reader, entry->value, "take", take, &take_index));
        manifest->metrics[manifest->metrics_count++] = (struct manifest_metric){
            .name = entry->key,
            .unit = read_unit(reader, entry->value),
            .help = read_text(reader, entry->value, "help"),
            .better = (enum metric_better)better_index,
            .take = (enum metric_take)take_index,
        };
    }
}

/* --- The rest --- */

static void read_exits(struct parse *parse, const struct node *root)
{
    static const char *const meanings[] = {"again", "failed", "memory", "done", NULL};
    const struct node *map = node_get(root, "exit_codes");
    if (!map) {
        return;
    }
    const struct reader *reader = &parse->reader;
    if (!read_expect(reader, map, NODE_MAP, "'exit_codes'")) {
        note(parse, false);
        return;
    }
    struct manifest *manifest = parse->manifest;
    manifest->exits = ARENA_ARRAY(reader->arena, struct exit_rule, map->map.count);
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        int64_t status = 0;
        int meaning = 0;
        if (!str_to_i64(entry->key, &status) || status < 1 || status > 255) {
            diag_at_key(
                reader->diags,
                "E024",
                reader->file,
                entry,
                NULL,
                "exit code '%s' is not between 1 and 255",
                entry->key);
            note(parse, false);
            continue;
        }
        note(parse, read_choice(reader, map, entry->key, meanings, &meaning));
        manifest->exits[manifest->exits_count++] =
            (struct exit_rule){(int)status, meanings[meaning]};
    }
}

static void read_feasible(struct parse *parse, const struct node *root)
{
    static const char *const keys[] = {"view", "tokens", "max_epochs", NULL};
    const struct node_entry *entry = node_entry(root, "feasible");
    if (!entry) {
        return;
    }
    const struct reader *reader = &parse->reader;
    if (!read_expect(reader, entry->value, NODE_MAP, "'feasible'")
        || !read_keys(reader, entry->value, "'feasible'", keys)) {
        note(parse, false);
        return;
    }
    struct manifest *manifest = parse->manifest;
    manifest->feasible_view = read_required(reader, entry->value, "view", entry);
    manifest->feasible_tokens = read_required(reader, entry->value, "tokens", entry);
    manifest->feasible_epochs = read_required(reader, entry->value, "max_epochs", entry);
    if (!find_input(manifest, manifest->feasible_view)
        || !find_param(manifest, manifest->feasible_tokens)
        || !find_param(manifest, manifest->feasible_epochs)) {
        diag_at_key(
            reader->diags,
            "E021",
            reader->file,
            entry,
            NULL,
            "'feasible' must name an input in 'view' and parameters in 'tokens' and 'max_epochs'");
        note(parse, false);
    }
}

static void read_command(struct parse *parse, const struct node *root)
{
    static const char *const engine_command[] = {"assay-curate", "task", "task.json"};
    const struct reader *reader = &parse->reader;
    struct manifest *manifest = parse->manifest;
    note(
        parse,
        read_texts(reader, root, "command", &manifest->command, &manifest->command_count));
    note(parse, read_texts(reader, root, "files", &manifest->files, &manifest->files_count));
    if (manifest->command_count > 0) {
        return;
    }
    if (manifest->engine) {
        manifest->command = arena_copy(reader->arena, engine_command, sizeof(engine_command));
        manifest->command_count = ARRAY_LEN(engine_command);
        return;
    }
    diag_at(
        reader->diags,
        "E004",
        reader->file,
        root,
        "such as command: [python3, program/train.py, task.json]",
        "'command' is missing");
    note(parse, false);
}

static void read_limits(struct parse *parse, const struct node *root)
{
    static const char *const per[] = {"task", "text-base", NULL};
    const struct reader *reader = &parse->reader;
    struct manifest *manifest = parse->manifest;
    int64_t failures = 3;
    int per_index = 0;
    const struct node *needs = node_get(root, "needs");
    note(parse, !needs || read_needs(reader, needs, &manifest->needs));
    note(parse, read_duration(reader, root, "time", &manifest->time_ms));
    note(parse, read_int(reader, root, "failures", 1, 1000, &failures));
    note(parse, read_choice(reader, root, "per", per, &per_index));
    manifest->failures_max = (uint32_t)failures;
    manifest->per_text_base = per_index == 1;
    note(parse, read_bool(reader, root, "engine", &manifest->engine));
    note(parse, read_bool(reader, root, "per_rank", &manifest->per_rank));
    note(parse, read_bool(reader, root, "exclusive", &manifest->exclusive));
    note(parse, read_bool(reader, root, "reproducible", &manifest->reproducible));
    note(parse, read_bool(reader, root, "cache", &manifest->cache));
    note(parse, read_bool(reader, root, "decision", &manifest->decision));
}

/* --- Programs as curation steps --- */

static const char *step_type(enum param_type type)
{
    return type == PARAM_MAP || type == PARAM_SCALE ? NULL : param_type_name(type);
}

static bool step_params(
    const struct reader *reader, struct manifest *manifest, const struct node *place)
{
    struct step_kind *step = &manifest->step;
    step->params = ARENA_ARRAY(reader->arena, struct step_param, manifest->params_count);
    for (size_t i = 0; i < manifest->params_count; i++) {
        const struct manifest_param *param = &manifest->params[i];
        if (!step_type(param->type)) {
            diag_at(
                reader->diags,
                "E023",
                reader->file,
                place,
                NULL,
                "a program that is a step cannot have parameter '%s' of type %s",
                param->name,
                param_type_name(param->type));
            return false;
        }
        step->params[step->params_count++] = (struct step_param){
            .name = param->name,
            .type = step_type(param->type),
            .role = STEP_ROLE_MEASURE,
            .fallback = param->fallback,
            .neutral = param->neutral,
            .min = param->min,
            .max = param->max,
            .choices = param->choices,
            .help = param->help,
        };
    }
    return true;
}

static void read_step(struct parse *parse, const struct node *root)
{
    static const char *const keys[] = {"yields", "local", "columns", NULL};
    static const char *const yields[] = {"measure", "selection", "text", NULL};
    const struct node_entry *entry = node_entry(root, "step");
    if (!entry) {
        return;
    }
    const struct reader *reader = &parse->reader;
    struct manifest *manifest = parse->manifest;
    if (!read_expect(reader, entry->value, NODE_MAP, "'step'")) {
        note(parse, false);
        return;
    }
    const struct node *map = entry->value;
    int yield = STEP_MEASURE;
    bool local = true;
    struct step_kind *step = &manifest->step;
    note(parse, read_keys(reader, map, "'step'", keys));
    note(parse, read_required(reader, map, "yields", entry));
    note(parse, read_choice(reader, map, "yields", yields, &yield));
    note(parse, read_bool(reader, map, "local", &local));
    note(parse, read_texts(reader, map, "columns", &step->columns, &step->columns_count));
    if (yield == STEP_MEASURE && step->columns_count == 0) {
        diag_at_key(
            reader->diags,
            "E004",
            reader->file,
            entry,
            "such as columns: [score]",
            "a step that yields measures needs 'columns'");
        note(parse, false);
    }
    step->name = manifest->name;
    step->profile = "";
    step->profile_default = true;
    step->version = manifest->version;
    step->yields = (enum step_yield)yield;
    step->global = !local;
    step->about = manifest->about;
    step->program = manifest->name;
    manifest->is_step = true;
    note(parse, step_params(reader, manifest, map));
}

static void check_decision(struct parse *parse, const struct node *root)
{
    const struct manifest *manifest = parse->manifest;
    if (!manifest->decision) {
        return;
    }
    for (size_t i = 0; i < manifest->outputs_count; i++) {
        if (strcmp(manifest->outputs[i].name, "decision") == 0) {
            return;
        }
    }
    diag_at_key(
        parse->reader.diags,
        "E004",
        parse->reader.file,
        node_entry(root, "decision"),
        NULL,
        "a decision program needs an output named 'decision'");
    note(parse, false);
}

static void read_manifest(struct parse *parse, const struct node *root)
{
    static const char *const keys[] = {
        "program",      "version",  "about",    "command",  "files",  "parameters",
        "inputs",       "outputs",  "metrics",  "needs",    "time",   "failures",
        "exit_codes",   "feasible", "per",      "step",     "engine", "exclusive",
        "reproducible", "cache",    "per_rank", "decision", NULL};
    const struct reader *reader = &parse->reader;
    struct manifest *manifest = parse->manifest;
    int64_t version = 0;
    note(parse, read_keys(reader, root, "the manifest", keys));
    manifest->name = read_required(reader, root, "program", NULL);
    note(parse, manifest->name != NULL);
    if (manifest->name && !name_is_plain(manifest->name)) {
        diag_at(
            reader->diags,
            "E005",
            reader->file,
            node_get(root, "program"),
            NULL,
            "'%s' cannot name a program",
            manifest->name);
        note(parse, false);
    }
    note(parse, read_int(reader, root, "version", 1, UINT32_MAX, &version));
    if (!node_entry(root, "version")) {
        diag_at(reader->diags, "E004", reader->file, root, NULL, "'version' is missing");
        note(parse, false);
    }
    manifest->version = (uint32_t)version;
    manifest->about = read_text(reader, root, "about");
    read_limits(parse, root);
    read_command(parse, root);
    read_params(parse, root);
    read_inputs(parse, root);
    read_outputs(parse, root);
    read_metrics(parse, root);
    read_exits(parse, root);
    read_feasible(parse, root);
    read_step(parse, root);
    check_decision(parse, root);
}

bool manifest_parse(
    const char *file,
    const char *text,
    size_t length,
    struct arena *arena,
    struct diags *diags,
    struct manifest **ret_manifest)
{
    struct node *root = NULL;
    if (!diags_parse_yaml(diags, file, text, length, &root)) {
        return false;
    }
    struct parse parse = {
        .reader = {arena, diags, file},
        .manifest = ARENA_NEW(arena, struct manifest),
        .good = true,
    };
    *parse.manifest = (struct manifest){
        .path = arena_strdup(arena, file),
        .reproducible = true,
        .cache = true,
        .needs = {.cpus_milli = 1000, .nodes = 1},
        .failures_max = 3,
    };
    if (!read_expect(&parse.reader, root, NODE_MAP, "a manifest")) {
        return false;
    }
    size_t errors = diags->errors;
    read_manifest(&parse, root);
    if (!parse.good || diags->errors > errors) {
        return false;
    }
    *ret_manifest = parse.manifest;
    return true;
}
