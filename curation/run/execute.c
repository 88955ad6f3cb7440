/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/run/execute.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/check.h"
#include "common/io/file.h"
#include "curation/ops/json_file.h"
#include "curation/ops/op.h"

struct run {
    const struct run_request *request;
    struct arena *arena;
    struct pipeline_pool *pool;
    const char **group_dirs; /* documents folders */
    const char *heldout_dir; /* NULL: none */
    const struct engine_node *nodes;
    size_t nodes_count;
    struct task **tasks;  /* of the nodes */
    double total, before; /* file bytes of all tasks; of those that are done */
};

/* --- The pool --- */

static int compare_paths(const void *left, const void *right)
{
    const struct pipeline_shard *a = left;
    const struct pipeline_shard *b = right;
    return strcmp(a->path, b->path);
}

/* Keys have to tell shards apart within one run, so a shard is known by its path. */
static bool list_shards(
    const char *const *paths,
    size_t count,
    struct arena *arena,
    struct pipeline_shard **ret_shards,
    struct err *err)
{
    struct pipeline_shard *shards = ARENA_ARRAY(arena, struct pipeline_shard, count);
    for (size_t i = 0; i < count; i++) {
        char *absolute CLEANUP(free_cleanup) = realpath(paths[i], NULL);
        struct stat fact;
        if (!absolute || stat(absolute, &fact) != 0) {
            return err_sys(err, errno, "cannot read '%s'", paths[i]);
        }
        if (!S_ISREG(fact.st_mode)) {
            return err_set(err, ERR_INPUT, "'%s' is no file", paths[i]);
        }
        shards[i].path = arena_strdup(arena, absolute);
        shards[i].bytes = (uint64_t)fact.st_size;
        shards[i].sha256 = digest_of(absolute, strlen(absolute));
    }
    if (count > 0) {
        qsort(shards, count, sizeof(*shards), compare_paths);
    }
    for (size_t i = 1; i < count; i++) {
        if (strcmp(shards[i - 1].path, shards[i].path) == 0) {
            return err_set(err, ERR_INPUT, "'%s' is given twice", shards[i].path);
        }
    }
    *ret_shards = shards;
    return true;
}

/* A documents folder as a worker makes it, but with absolute paths in place of links. */
static bool write_documents(
    const struct run *run,
    const char *dir,
    int64_t group,
    const struct pipeline_shard *shards,
    size_t count,
    struct err *err)
{
    struct arena *arena = run->arena;
    struct node *root = json_file_new(arena, "assay_documents");
    const char *text = run->request->text_field ? run->request->text_field : "text";
    node_set(arena, root, "text", node_string(arena, text));
    node_set(arena, root, "url", node_string(arena, "url"));
    node_set(arena, root, "id", node_string(arena, "id"));
    node_set(arena, root, "domain", node_null(arena));
    node_set(arena, root, "group", node_int(arena, group));
    struct node *list = node_list(arena);
    for (size_t i = 0; i < count; i++) {
        struct node *shard = node_map(arena);
        node_set(arena, shard, "path", node_string(arena, shards[i].path));
        node_set(arena, shard, "source", node_string(arena, shards[i].path));
        node_set(arena, shard, "bytes", node_int(arena, (int64_t)shards[i].bytes));
        node_push(arena, list, shard);
    }
    node_set(arena, root, "shards", list);
    return file_mkdirs(dir, 0755, err) && json_file_write(dir, "documents.json", root, err);
}

static bool make_heldout(struct run *run, struct err *err)
{
    const struct run_request *request = run->request;
    struct pipeline_shard *shards;
    if (request->heldout_count == 0) {
        return true;
    }
    if (!list_shards(request->heldout, request->heldout_count, run->arena, &shards, err)) {
        return false;
    }
    run->heldout_dir = path_join(run->arena, request->work_dir, "heldout");
    run->pool->heldout_test =
        pipeline_part_key(run->pool, shards, request->heldout_count, run->arena);
    return write_documents(run, run->heldout_dir, -1, shards, request->heldout_count, err);
}

static bool make_pool(struct run *run, struct err *err)
{
    const struct run_request *request = run->request;
    struct pipeline_pool *pool = ARENA_NEW(run->arena, struct pipeline_pool);
    run->pool = pool;
    pool->name = "pool";
    pool->text_field = request->text_field ? request->text_field : "text";
    pool->url_field = "url";
    pool->id_field = "id";
    pool->mask_n = 13;
    pool->mask_fraction_max = 0.1;
    pool->shards_count = request->shards_count;
    if (!list_shards(request->shards, request->shards_count, run->arena, &pool->shards, err)) {
        return false;
    }
    pipeline_pool_group(pool, request->group_bytes, run->arena);
    run->group_dirs = ARENA_ARRAY(run->arena, const char *, pool->groups_count);
    for (size_t i = 0; i < pool->groups_count; i++) {
        uint32_t first = pool->group_first[i];
        run->group_dirs[i] = arena_printf(run->arena, "%s/pool/%04zu", request->work_dir, i);
        if (!write_documents(
                run,
                run->group_dirs[i],
                (int64_t)i,
                pool->shards + first,
                pool->group_first[i + 1] - first,
                err)) {
            return false;
        }
    }
    return make_heldout(run, err);
}

/* --- Tasks --- */

static const char *source_dir(const struct run *run, const struct engine_source *source)
{
    switch (source->kind) {
    case ENGINE_FROM_NODE:
        return arena_printf(
            run->arena,
            "%s/tasks/%04" PRIu32 "/%s",
            run->request->work_dir,
            source->node,
            source->output);
    case ENGINE_FROM_POOL:
        CHECK(source->group >= 0 && (size_t)source->group < run->pool->groups_count);
        return run->group_dirs[source->group];
    case ENGINE_FROM_HELDOUT:
        return run->heldout_dir;
    case ENGINE_FROM_ARTIFACT:
    case ENGINE_FROM_OUTSIDE:
        break;
    }
    CHECK(false && "nothing exists before a run, and nothing comes from outside");
    return NULL;
}

static void add_inputs(const struct run *run, const struct engine_node *node, struct task *task)
{
    for (size_t i = 0; i < node->inputs_count; i++) {
        const struct engine_input *input = &node->inputs[i];
        for (size_t j = 0; j < input->sources_count; j++) {
            task_add_input(task, input->name, "", source_dir(run, &input->sources[j]));
        }
    }
}

static bool reads_text(const struct engine_node *node)
{
    return node->op == ENGINE_MASK || node->op == ENGINE_MEASURE || node->op == ENGINE_REWRITE;
}

/* File bytes that a task reads: what its share of the progress is. */
static double cost_of(const struct run *run, const struct engine_node *node)
{
    double bytes = 0;
    if (!reads_text(node)) {
        return 0;
    }
    for (size_t i = 0; i < run->pool->shards_count; i++) {
        bool within = node->group < 0
                      || (i >= run->pool->group_first[node->group]
                          && i < run->pool->group_first[node->group + 1]);
        bytes += within ? (double)run->pool->shards[i].bytes : 0;
    }
    return bytes;
}

/* A task's progress as part of the whole: by its share done. */
struct share {
    struct run *run;
    double cost;
};

static void report_share(void *context, double done, double total, const char *unit)
{
    const struct share *share = context;
    const struct task_report *report = &share->run->request->report;
    (void)unit;
    double part = total > 0 && done < total ? done / total : 0;
    if (report->progress) {
        report->progress(
            report->context,
            share->run->before + part * share->cost,
            share->run->total,
            "bytes");
    }
}

static bool run_node(struct run *run, size_t place, struct err *err)
{
    const struct engine_node *node = &run->nodes[place];
    struct node *spec = node->spec;
    if (node->op == ENGINE_VIEW) {
        int64_t samples = (int64_t)run->request->samples;
        spec = node_clone(run->arena, spec);
        node_set(run->arena, spec, "samples", node_int(run->arena, samples));
    }
    struct task *task = task_create(run->arena, engine_op_name(node->op), spec);
    run->tasks[place] = task;
    struct share share = {run, cost_of(run, node)};
    if (reads_text(node)) {
        task->report = (struct task_report){.progress = report_share, .context = &share};
    }
    task->stop = run->request->stop;
    add_inputs(run, node, task);
    for (size_t i = 0; i < node->outputs_count; i++) {
        const char *name = node->outputs[i].name;
        const char *dir =
            arena_printf(run->arena, "%s/tasks/%04zu/%s", run->request->work_dir, place, name);
        task_add_output(task, name, dir);
    }
    bool done = op_run(task, err);
    run->before += share.cost;
    return done || (err->code == ERR_INTERRUPTED ? false : err_wrap(err, "%s", task->op));
}

static bool run_nodes(struct run *run, struct err *err)
{
    run->tasks = ARENA_ARRAY(run->arena, struct task *, run->nodes_count);
    for (size_t i = 0; i < run->nodes_count; i++) {
        run->total += cost_of(run, &run->nodes[i]);
    }
    for (size_t i = 0; i < run->nodes_count; i++) {
        if (!run_node(run, i, err)) {
            return false;
        }
    }
    return true;
}

bool run_execute(
    const struct run_request *request,
    struct arena *arena,
    struct run_result *ret_result,
    struct err *err)
{
    struct run run = {.request = request, .arena = arena};
    if (!make_pool(&run, err)) {
        return false;
    }
    struct pipeline_options options = {.decontaminate = request->heldout_count > 0};
    struct pipeline_plan *plan =
        pipeline_plan_create(arena, run.pool, 1, request->library, &options);
    struct engine_source *views =
        ARENA_ARRAY(arena, struct engine_source, request->variants_count);
    if (!pipeline_plan_variants(plan, request->variants, request->variants_count, views, err)) {
        return false;
    }
    run.nodes = pipeline_plan_nodes(plan, &run.nodes_count);
    if (!run_nodes(&run, err)) {
        return false;
    }
    struct run_result result = {
        .tasks = run.tasks,
        .tasks_count = run.nodes_count,
        .views = ARENA_ARRAY(arena, struct task *, request->variants_count),
        .pool = run.pool,
        .figures = pipeline_plan_figures(plan),
    };
    for (size_t i = 0; i < request->variants_count; i++) {
        CHECK(views[i].kind == ENGINE_FROM_NODE);
        result.views[i] = run.tasks[views[i].node];
    }
    *ret_result = result;
    return true;
}

const char *run_view_dir(const struct task *view)
{
    CHECK(view->outputs_count == 1);
    return view->outputs[0].path;
}
