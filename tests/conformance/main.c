/* SPDX-License-Identifier: Apache-2.0 */
/* assay-conformance FILE...: runs case files and prints what differs. Exit 0 when no case
 * failed, 1 when one did, 2 when a file cannot be read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "curation/io/json_scan.h"
#include "tests/conformance/case.h"

#define WHATS_MAX 200

/* A kind is known by a member that every case of it has. */
static const struct kind {
    const char *member;
    case_function run; /* NULL: not yet */
    const char *title;
} kinds[] = {
    {"mapper", case_dclm, "DCLM mapper"},
    {"filter", NULL, "datatrove filter"},
    {"fn", NULL, "datatrove text function"},
    {"kind", NULL, "datatrove MinHash"},
    {"ids", NULL, "GPT-NeoX tokenizer"},
    {"cli_output_lines", NULL, "fastText prediction"},
};

struct totals {
    unsigned passed, failed, not_yet;
    char *whats[WHATS_MAX]; /* what is not there yet, each once */
    unsigned counts[WHATS_MAX];
    size_t whats_count;
};

static void note_not_yet(struct totals *totals, const char *what)
{
    totals->not_yet++;
    for (size_t i = 0; i < totals->whats_count; i++) {
        if (strcmp(totals->whats[i], what) == 0) {
            totals->counts[i]++;
            return;
        }
    }
    if (totals->whats_count < WHATS_MAX) {
        totals->whats[totals->whats_count] = strdup(what);
        totals->counts[totals->whats_count++] = 1;
    }
}

static void print_failure(const char *path, unsigned number, const struct case_report *report)
{
    printf("FAIL %s:%u %s %s\n", path, number, report->name, report->what);
    if (report->params != NULL) {
        printf("  with     %s\n", report->params);
    }
    printf("  expected %s\n  got      %s\n", report->expected, report->got);
}

/* By the scanner of documents: what is not run yet may hold numbers beyond 64 bits. */
static const struct kind *kind_of(const char *line, size_t length)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct json_scan scan CLEANUP(json_scan_done) = {0};
        json_scan_init(&scan, (const char *const[JSON_FIELDS]){kinds[i].member});
        if (json_scan_line(&scan, line, length, NULL)
            && scan.values[JSON_FIELD_TEXT].data != NULL) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void run_line(
    const char *path, unsigned number, const char *line, size_t length, struct totals *totals)
{
    const struct kind *kind = kind_of(line, length);
    if (kind == NULL || kind->run == NULL) {
        note_not_yet(totals, kind == NULL ? "unknown kind of case" : kind->title);
        return;
    }
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *record = NULL;
    struct err err = {0};
    if (!node_parse_json(line, length, arena, &record, NULL, &err)) {
        printf("FAIL %s:%u\n  cannot be read: %s\n", path, number, err.message);
        totals->failed++;
        return;
    }
    struct case_report report = {.name = "", .what = kind->title};
    switch (kind->run(record, arena, &report)) {
    case CASE_PASSED:
        totals->passed++;
        break;
    case CASE_FAILED:
        totals->failed++;
        print_failure(path, number, &report);
        break;
    case CASE_NOT_YET:
        note_not_yet(totals, report.what);
        break;
    }
}

static bool run_file(const char *path, struct totals *totals)
{
    FILE *file CLEANUP(file_cleanup) = fopen(path, "re");
    if (file == NULL) {
        fprintf(stderr, "assay-conformance: cannot open '%s'\n", path);
        return false;
    }
    char *line CLEANUP(free_cleanup) = NULL;
    size_t capacity = 0;
    unsigned number = 0;
    ssize_t length = 0;
    while ((length = getline(&line, &capacity, file)) > 0) {
        number++;
        if (line[length - 1] == '\n') {
            length--;
        }
        if (length > 0) {
            run_line(path, number, line, (size_t)length, totals);
        }
    }
    return true;
}

static void print_totals(struct totals *totals)
{
    if (totals->not_yet > 0) {
        printf("not yet: %u cases, of", totals->not_yet);
        for (size_t i = 0; i < totals->whats_count; i++) {
            printf("%s %s (%u)", i == 0 ? "" : ",", totals->whats[i], totals->counts[i]);
        }
        printf("\n");
    }
    printf("%u passed, %u failed\n", totals->passed, totals->failed);
    for (size_t i = 0; i < totals->whats_count; i++) {
        free(totals->whats[i]);
    }
}

int main(int argc, char **argv)
{
    struct totals totals = {0};
    bool readable = argc > 1;
    if (argc < 2) {
        fprintf(stderr, "usage: assay-conformance FILE...\n");
    }
    for (int i = 1; i < argc; i++) {
        readable = run_file(argv[i], &totals) && readable;
    }
    if (argc > 1) {
        print_totals(&totals);
    }
    if (!readable) {
        return 2;
    }
    return totals.failed > 0 ? 1 : 0;
}
