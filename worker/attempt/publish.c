/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges an ended attempt and makes its result: the log is published whatever the outcome,
 * outputs only when the program says that it is done. Nothing that the program wrote is
 * trusted: a missing output, a malformed metrics line or a link that leads out is "bad output".
 * The result file comes last, in one rename, and is what ends the attempt.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/io/file.h"
#include "worker/attempt/attempt.h"
#include "worker/attempt/judge.h"
#include "worker/attempt_dir.h"
#include "worker/log_segments.h"
#include "worker/metrics.h"

static void fail(struct msg_result *result, enum msg_outcome outcome, const char *message)
{
    result->outcome = outcome;
    result->message = message;
    result->outputs_count = 0;
    result->decision = "";
}

/* The program's fault, or that of the store that was to take its output? */
static enum msg_outcome blame(const struct err *err)
{
    switch (err->code) {
    case ERR_INPUT:
    case ERR_LIMIT:
    case ERR_CONFLICT:
    case ERR_NOT_FOUND:
    case ERR_CORRUPT:
    case ERR_PROTOCOL:
        return MSG_OUTCOME_BAD_OUTPUT;
    case ERR_NONE:
    case ERR_DENIED:
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_INTERRUPTED:
    case ERR_INTERNAL:
        break;
    }
    return MSG_OUTCOME_STORE;
}

/* The end of the log as text: from a whole character on, other bytes than text replaced. */
static const char *clean_tail(const char *data, size_t length, struct arena *arena)
{
    size_t begin = length > LIMIT_LOG_EXCERPT_BYTES ? length - LIMIT_LOG_EXCERPT_BYTES : 0;
    while (begin < length && ((unsigned char)data[begin] & 0xC0U) == 0x80U) {
        begin++;
    }
    bool utf8 = str_is_utf8(data + begin, length - begin);
    char *text = arena_strndup(arena, data + begin, length - begin);
    for (size_t i = 0; i < length - begin; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\n' && c != '\t') || (c >= 0x80 && !utf8)) {
            text[i] = '?';
        }
    }
    return text;
}

static bool publish_log(struct attempt *attempt, struct msg_result *result, struct err *err)
{
    struct arena *arena = attempt->arena;
    const char *path = path_join(arena, attempt->dir, ATTEMPT_LOG_FILE);
    if (!log_segments_join(attempt->dir, path, &result->log_bytes, err)) {
        return false;
    }
    if (result->log_bytes == 0) {
        return true;
    }

    enum {
        TAIL_BYTES = 16 << 10,
    };

    uint64_t skip = result->log_bytes > TAIL_BYTES ? result->log_bytes - TAIL_BYTES : 0;
    char *tail = arena_alloc(arena, TAIL_BYTES);
    size_t length = 0;
    uint64_t bytes = 0;
    if (!artifact_put_blob_file(attempt->store, path, &result->log, &result->log_bytes, err)
        || !artifact_read_blob(
            attempt->store, &result->log, skip, tail, TAIL_BYTES, &length, &bytes, err)) {
        return false;
    }
    result->log_tail = clean_tail(tail, length, arena);
    return true;
}

static bool publish_output(
    struct attempt *attempt,
    const struct msg_declared_output *declared,
    struct msg_output *ret_output,
    struct err *err)
{
    struct arena *arena = attempt->arena;
    const char *relative = path_join(arena, "out", declared->name);
    const char *path = path_join(arena, attempt->dir, relative);
    struct file_fact fact;
    struct err ignored;
    if (!file_stat(path, &fact, &ignored)) {
        return err_set(
            err,
            ERR_NOT_FOUND,
            "output '%s' is missing: nothing at '%s'",
            declared->name,
            relative);
    }
    if (!fact.is_dir && !fact.is_link) {
        return err_set(
            err,
            ERR_INPUT,
            "output '%s' is a file, expected the folder '%s'",
            declared->name,
            relative);
    }
    struct msg_output output = {.name = declared->name};
    if (!artifact_publish_tree(attempt->store, path, &output.digest, &output.bytes, err)) {
        return err_wrap(err, "output '%s'", declared->name);
    }
    *ret_output = output;
    return true;
}

/* Of a gang only rank 0's outputs count, unless its program says otherwise. */
static bool has_outputs(const struct msg_assignment *assignment)
{
    return assignment->ranks == 0 || assignment->rank == 0 || assignment->per_rank;
}

static bool publish_outputs(struct attempt *attempt, struct msg_result *result, struct err *err)
{
    const struct msg_assignment *assignment = &attempt->assignment;
    struct file_fact fact;
    if (assignment->outputs_count == 0) {
        return true; /* there is no out/ */
    }
    if (!file_stat(path_join(attempt->arena, attempt->dir, "out"), &fact, err)) {
        return false;
    }
    if (!fact.is_dir) { /* what a link leads to is not ours to take */
        return err_set(err, ERR_INPUT, "'out' is no longer the folder that it was");
    }
    result->outputs = ARENA_ARRAY(attempt->arena, struct msg_output, assignment->outputs_count);
    for (size_t i = 0; has_outputs(assignment) && i < assignment->outputs_count; i++) {
        if (!publish_output(attempt, &assignment->outputs[i], &result->outputs[i], err)) {
            return false;
        }
        result->outputs_count = i + 1;
    }
    return true;
}

static bool read_decision(struct attempt *attempt, struct msg_result *result, struct err *err)
{
    struct arena *arena = attempt->arena;
    const char *path = path_join(arena, attempt->dir, "out/decision/decision.json");
    char *text;
    size_t length;
    struct node *map;
    if (!file_read(path, LIMIT_DECISION_BYTES, arena, &text, &length, err)
        || !node_parse_json(text, length, arena, &map, NULL, err)) {
        return err_wrap(err, "decision");
    }
    const char *verdict = node_get_text(map, "verdict", "");
    if (node_get_int(map, "assay_decision", 0) != 1
        || (strcmp(verdict, "go") != 0 && strcmp(verdict, "skip") != 0)) {
        return err_set(
            err,
            ERR_INPUT,
            "decision.json needs \"assay_decision\": 1 and the verdict go or skip");
    }
    result->decision = node_to_json_arena(map, arena);
    return true;
}

/* Metrics count for every outcome; only of one that says it is done must they all be right. */
static bool judge_metrics(struct attempt *attempt, struct msg_result *result, struct err *err)
{
    const char *path = path_join(attempt->arena, attempt->dir, METRICS_FILE);
    uint64_t bad_line;
    struct err what = {0};
    if (!metrics_judge(path, &result->metrics_end, &bad_line, &what, err)) {
        return false;
    }
    if (bad_line != 0 && result->outcome == MSG_OUTCOME_DONE) {
        return err_set(
            err, ERR_INPUT, METRICS_FILE " line %" PRIu64 ": %s", bad_line, what.message);
    }
    return true;
}

static void publish_done(struct attempt *attempt, struct msg_result *result)
{
    struct err err = {0};
    bool right = publish_outputs(attempt, result, &err)
                 && (!attempt->assignment.decision || read_decision(attempt, result, &err));
    if (!right) {
        fail(result, blame(&err), arena_strdup(attempt->arena, err.message));
    }
}

static struct msg_usage usage_of(const struct exit_record *record)
{
    return (struct msg_usage){
        .wall_ms = record->wall_ms,
        .user_ms = record->user_ms,
        .sys_ms = record->sys_ms,
        .max_rss_bytes = record->max_rss_bytes,
        .read_bytes = record->read_bytes,
        .write_bytes = record->write_bytes,
    };
}

/* Who was told to leave and left with 0 but without its outputs did not finish after all. */
static void correct_told_to_leave(
    struct attempt *attempt, const struct exit_record *record, struct msg_result *result)
{
    if (result->outcome == MSG_OUTCOME_BAD_OUTPUT
        && (record->reason == EXIT_PREEMPTED || record->reason == EXIT_TIME)) {
        struct exit_record unfinished = *record;
        unfinished.exit_status = -1;
        result->outcome =
            judge_exit(&unfinished, &attempt->assignment, attempt->arena, &result->message);
    }
}

/* A program that fails on a full disk most likely fails because of it. */
static void excuse_full_disk(struct attempt *attempt, struct msg_result *result)
{
    uint64_t bytes;
    char have[32];
    bool own = result->outcome == MSG_OUTCOME_FAILED || result->outcome == MSG_OUTCOME_SIGNAL
               || result->outcome == MSG_OUTCOME_BAD_OUTPUT;
    if (own && file_free_bytes(attempt->dir, &bytes, NULL) && bytes < LIMIT_DISK_FULL_BYTES) {
        const char *message = arena_printf(
            attempt->arena,
            "%s; the disk of '%s' is full (%s left)",
            result->message,
            attempt->state,
            str_human_bytes(bytes, have, sizeof(have)));
        fail(result, MSG_OUTCOME_STORE, message);
    }
}

bool attempt_publish(struct attempt *attempt, struct err *err)
{
    struct exit_record record;
    struct err trouble = {0};
    if (!exit_record_read(attempt->dir, attempt->arena, &record, err)) {
        return false;
    }
    struct msg_result result = {
        .task = attempt->assignment.task,
        .attempt = attempt->assignment.attempt,
        .exit_status = record.exit_status,
        .signal = record.signal,
        .usage = usage_of(&record),
        .log_tail = "",
        .decision = "",
    };
    result.outcome = judge_exit(&record, &attempt->assignment, attempt->arena, &result.message);
    if (!publish_log(attempt, &result, &trouble)) {
        /* The log must not cost a result that could be published, nor take its room. */
        (void)unlink(path_join(attempt->arena, attempt->dir, ATTEMPT_LOG_FILE));
        result.log = (struct digest){0};
        result.log_bytes = 0;
        result.log_tail = arena_printf(attempt->arena, "[no log: %s]", trouble.message);
    }
    if (!judge_metrics(attempt, &result, &trouble)) {
        fail(&result, blame(&trouble), arena_strdup(attempt->arena, trouble.message));
    }
    excuse_full_disk(attempt, &result);
    if (result.outcome == MSG_OUTCOME_DONE) {
        publish_done(attempt, &result);
    }
    correct_told_to_leave(attempt, &record, &result);
    if (result.outcome != MSG_OUTCOME_DONE) {
        result.checkpoint = attempt_checkpoint(attempt->dir, attempt->arena);
    }
    return attempt_write_result(attempt->dir, &result, err);
}
