/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/cli/pipeline_flags.h"
#include "curation/cli/progress.h"
#include "curation/cli/workplace.h"
#include "curation/run/inspect.h"

static void print_columns(const struct node *columns)
{
    for (size_t i = 0; columns && i < columns->map.count; i++) {
        const struct node_entry *entry = &columns->map.entries[i];
        if (node_is_number(entry->value)) {
            (void)printf("  %-20s %.6g\n", entry->key, node_number(entry->value));
        } else {
            (void)printf("  %-20s missing\n", entry->key);
        }
    }
}

static void print_report(const struct node *report)
{
    const char *verdict = node_get_text(report, "verdict", "");
    const char *step = node_get_text(report, "step", NULL);
    const char *rule = node_get_text(report, "rule", "");
    (void)printf("document %" PRId64 ": %s", node_get_int(report, "row", 0), verdict);
    if (step) {
        (void)printf(" by %s", step);
    }
    (void)printf(
        "%s%s, %" PRId64 " bytes\n\n%s\n",
        rule[0] != '\0' ? ": " : "",
        rule,
        node_get_int(report, "bytes", 0),
        node_get_text(report, "text", ""));
    const struct node *steps = node_get(report, "steps");
    for (size_t i = 0; i < steps->list.count; i++) {
        const struct node *line = steps->list.items[i];
        (void)printf(
            "\n%s: %s", node_get_text(line, "id", ""), node_get_text(line, "verdict", ""));
        if (node_get(line, "bytes")) {
            (void)printf(", %" PRId64 " bytes", node_get_int(line, "bytes", 0));
        }
        (void)printf("\n");
        print_columns(node_get(line, "columns"));
    }
}

static bool inspect(const struct invocation *invocation, struct err *err)
{
    struct run_request request;
    struct run_result result;
    struct node *report;
    struct workplace CLEANUP(workplace_cleanup) place = {0};
    if (!pipeline_request(invocation, &request, err)
        || !workplace_open(NULL, invocation->arena, &place, err)) {
        return false;
    }
    struct progress progress;
    progress_init(&progress);
    request.work_dir = place.out;
    request.report = progress_report(&progress);
    bool done = run_execute(&request, invocation->arena, &result, err);
    progress_done(&progress);
    uint64_t row = (uint64_t)config_int(invocation->flags, "doc");
    if (!done || !inspect_document(&result, row, invocation->arena, &report, err)) {
        return false;
    }
    if (!config_bool(invocation->flags, "json")) {
        print_report(report);
        return true;
    }
    struct str CLEANUP(str_done) json;
    str_init(&json, LIMIT_JSON_BYTES);
    node_to_json_pretty(report, &json);
    (void)puts(json.data);
    return true;
}

static enum exit_status run(const struct invocation *invocation, struct err *err)
{
    if (!config_is_set(invocation->flags, "doc")) {
        err_set(err, ERR_INPUT, "say which document: --doc N, from 0");
        return EXIT_USAGE;
    }
    return inspect(invocation, err) ? EXIT_DONE : EXIT_FAILED;
}

static const struct config_key keys[] = {
    {.name = "doc",
     .type = CONFIG_INT,
     .min = 0,
     .max = INT64_MAX,
     .help = "number of the document, from 0, over all files",
     .metavar = "N"},
    PIPELINE_FLAGS,
    {.name = "json", .type = CONFIG_BOOL, .fallback = "false", .help = "print JSON"},
    {0},
};

const struct command command_inspect = {
    .name = "inspect",
    .arguments = "PIPELINE.yaml FILE... --doc N",
    .about = "show a document's measures and the rule that dropped it",
    .help =
        "Runs the pipeline on the files, so that quantiles and deduplication see what they would\n"
        "see, and prints for one document the columns of every step, and which rule removed it.",
    .arguments_min = 2,
    .arguments_max = SIZE_MAX,
    .keys = keys,
    .run = run,
};
