/* SPDX-License-Identifier: Apache-2.0 */
#include "assay.pb-c.h"
#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "proto/shape.h"

enum {
    PATH_BYTES = 4096,
    HOST_BYTES = 255,
};

#define FIELD(type, member_name, member, field_kind, ...)                                    \
    {                                                                                        \
        .name = #member_name, .kind = (field_kind), .offset = offsetof(struct type, member), \
        __VA_ARGS__                                                                          \
    }
#define SCALAR(type, member, field_kind) FIELD(type, member, member, field_kind, .max = 0)
#define U32(type, member)                SCALAR(type, member, FIELD_U32)
#define U64(type, member)                SCALAR(type, member, FIELD_U64)
#define I32(type, member)                SCALAR(type, member, FIELD_I32)
#define I64(type, member)                SCALAR(type, member, FIELD_I64)
#define F64(type, member)                SCALAR(type, member, FIELD_F64)
#define BOOL(type, member)               SCALAR(type, member, FIELD_BOOL)
#define DIGEST(type, member)             SCALAR(type, member, FIELD_DIGEST)
#define ENUM(type, member, first, last) \
    FIELD(type, member, member, FIELD_ENUM, .min = (first), .max = (last))
#define TEXT(type, member, bytes_max) \
    FIELD(type, member, member, FIELD_TEXT, .max = (bytes_max))
/* A text that must not be empty. */
#define WORD(type, member, bytes_max) \
    FIELD(type, member, member, FIELD_TEXT, .min = 1, .max = (bytes_max))
#define BYTES(type, member, bytes_max) \
    FIELD(type, member, member, FIELD_BYTES, .max = (bytes_max))
#define PART(type, member, shape) \
    FIELD(type, member, member, FIELD_PART, .part = &shape##_shape)
#define MANY(type, name, member, number, kind, ...) \
    FIELD(type, name, member, kind, .count_offset = offsetof(struct type, number), __VA_ARGS__)
#define U32_LIST(type, name, member, number, count_max) \
    MANY(type, name, member, number, FIELD_U32_LIST, .max = (count_max))
#define TEXT_LIST(type, name, member, number, count_max) \
    MANY(type, name, member, number, FIELD_TEXT_LIST, .max = (count_max))
#define DIGEST_LIST(type, name, member, number, count_max) \
    MANY(type, name, member, number, FIELD_DIGEST_LIST, .max = (count_max))
#define LIST(type, name, member, number, shape, count_max) \
    MANY(type, name, member, number, FIELD_LIST, .max = (count_max), .part = &shape##_shape)
#define SHAPE(name, type)                      \
    static const struct shape name##_shape = { \
        sizeof(struct type),                   \
        &assay__##name##__descriptor,          \
        name##_fields,                         \
        ARRAY_LEN(name##_fields)}
#define EMPTY_SHAPE(name_) \
    static const struct shape name_##_shape = {0, &assay__##name_##__descriptor, NULL, 0}

static const struct field attempt_fields[] = {
    U64(msg_attempt, task),
    U64(msg_attempt, attempt),
};
SHAPE(attempt, msg_attempt);

static const struct field counter_fields[] = {
    WORD(msg_counter, name, LIMIT_NAME),
    U32(msg_counter, amount),
};
SHAPE(counter, msg_counter);

static const struct field device_fields[] = {
    WORD(msg_device, name, LIMIT_NAME),
    TEXT(msg_device, model, LIMIT_NAME),
    TEXT(msg_device, bus, LIMIT_NAME),
    U64(msg_device, memory_bytes),
    BOOL(msg_device, lost),
};
SHAPE(device, msg_device);

static const struct field numa_node_fields[] = {
    U32(msg_numa_node, cpus),
    U64(msg_numa_node, memory_bytes),
    U32_LIST(msg_numa_node, devices, devices, devices_count, LIMIT_DEVICES),
    U32_LIST(msg_numa_node, distances, distances, distances_count, LIMIT_NUMA_NODES),
};
SHAPE(numa_node, msg_numa_node);

static const struct field resources_fields[] = {
    U32(msg_resources, cpus_milli),
    U64(msg_resources, memory_bytes),
    U64(msg_resources, disk_bytes),
    U32_LIST(msg_resources, gpus, gpus, gpus_count, LIMIT_DEVICES),
    TEXT_LIST(msg_resources, labels, labels, labels_count, LIMIT_LABELS),
    LIST(msg_resources, counters, counters, counters_count, counter, LIMIT_COUNTERS),
    LIST(msg_resources, devices, devices, devices_count, device, LIMIT_DEVICES),
    LIST(msg_resources, numa, numa, numa_count, numa_node, LIMIT_NUMA_NODES),
    U32_LIST(msg_resources, cpus, cpus, cpus_count, LIMIT_CPUS),
};
SHAPE(resources, msg_resources);

static const struct field inventory_fields[] = {
    U64(msg_inventory, task),
    U64(msg_inventory, attempt),
    ENUM(msg_inventory, held, MSG_HELD_QUEUED, MSG_HELD_FINISHED),
};
SHAPE(inventory, msg_inventory);

static const struct field hello_fields[] = {
    U32(msg_hello, protocol_min),
    U32(msg_hello, protocol_max),
    TEXT(msg_hello, cluster, LIMIT_NAME),
    WORD(msg_hello, worker, LIMIT_NAME),
    U64(msg_hello, incarnation),
    U64(msg_hello, epoch_seen),
    TEXT(msg_hello, version, LIMIT_NAME),
    TEXT(msg_hello, host, HOST_BYTES),
    U32(msg_hello, pid),
    U32(msg_hello, slots),
    U32(msg_hello, prefetch),
    PART(msg_hello, resources, resources),
    BOOL(msg_hello, draining),
    LIST(msg_hello, inventory, inventory, inventory_count, inventory, LIMIT_BATCH),
    U64(msg_hello, number),
    U64(msg_hello, life_ms),
    TEXT(msg_hello, notice, LIMIT_LINE_BYTES),
    BOOL(msg_hello, closed),
};
SHAPE(hello, msg_hello);

static const struct field start_fields[] = {
    U64(msg_start, task),
    U64(msg_start, attempt),
    U32(msg_start, pid),
    U64(msg_start, resumed_offset),
    BOOL(msg_start, resumed),
};
SHAPE(start, msg_start);

static const struct field acceptance_fields[] = {
    U64(msg_acceptance, task),
    U64(msg_acceptance, attempt),
    WORD(msg_acceptance, host, HOST_BYTES),
    U32(msg_acceptance, port),
};
SHAPE(acceptance, msg_acceptance);

static const struct field accepted_fields[] = {
    LIST(msg_accepted, acceptances, acceptances, count, acceptance, LIMIT_BATCH),
};
SHAPE(accepted, msg_accepted);

static const struct field started_fields[] = {
    LIST(msg_started, starts, starts, count, start, LIMIT_BATCH),
};
SHAPE(started, msg_started);

static const struct field renew_fields[] = {
    LIST(msg_renew, held, held.items, held.count, attempt, LIMIT_BATCH),
    U64(msg_renew, number),
};
SHAPE(renew, msg_renew);

static const struct field progress_entry_fields[] = {
    U64(msg_progress_entry, task),
    U64(msg_progress_entry, attempt),
    F64(msg_progress_entry, fraction),
    F64(msg_progress_entry, done),
    F64(msg_progress_entry, total),
    TEXT(msg_progress_entry, unit, LIMIT_NAME),
};
SHAPE(progress_entry, msg_progress_entry);

static const struct field progress_fields[] = {
    LIST(msg_progress, entries, entries, count, progress_entry, LIMIT_BATCH),
};
SHAPE(progress, msg_progress);

static const struct field point_fields[] = {
    WORD(msg_point, name, LIMIT_NAME),
    TEXT(msg_point, tag, LIMIT_NAME),
    I64(msg_point, step),
    F64(msg_point, value),
};
SHAPE(point, msg_point);

static const struct field metrics_fields[] = {
    U64(msg_metrics, task),
    U64(msg_metrics, attempt),
    U64(msg_metrics, offset),
    U64(msg_metrics, end),
    LIST(msg_metrics, points, points, count, point, LIMIT_METRIC_POINTS),
};
SHAPE(metrics, msg_metrics);

static const struct field output_fields[] = {
    WORD(msg_output, name, LIMIT_NAME),
    DIGEST(msg_output, digest),
    U64(msg_output, bytes),
};
SHAPE(output, msg_output);

static const struct field usage_fields[] = {
    U64(msg_usage, wall_ms),
    U64(msg_usage, user_ms),
    U64(msg_usage, sys_ms),
    U64(msg_usage, max_rss_bytes),
    U64(msg_usage, read_bytes),
    U64(msg_usage, write_bytes),
};
SHAPE(usage, msg_usage);

static const struct field result_fields[] = {
    U64(msg_result, task),
    U64(msg_result, attempt),
    ENUM(msg_result, outcome, MSG_OUTCOME_DONE, MSG_OUTCOME_RETRACTED),
    I32(msg_result, exit_status),
    U32(msg_result, signal),
    TEXT(msg_result, message, LIMIT_LINE_BYTES),
    LIST(msg_result, outputs, outputs, outputs_count, output, LIMIT_OUTPUTS),
    PART(msg_result, usage, usage),
    TEXT(msg_result, log_tail, LIMIT_LOG_EXCERPT_BYTES),
    DIGEST(msg_result, log),
    U64(msg_result, log_bytes),
    U64(msg_result, metrics_end),
    TEXT(msg_result, decision, LIMIT_DECISION_BYTES),
    TEXT(msg_result, checkpoint, PATH_BYTES),
    U64(msg_result, started_ago_ms),
    DIGEST(msg_result, missing),
    DIGEST(msg_result, missing_part),
    BOOL(msg_result, missing_part_is_tree),
};
SHAPE(result, msg_result);

static const struct field finished_fields[] = {
    LIST(msg_finished, results, results, count, result, LIMIT_BATCH),
};
SHAPE(finished, msg_finished);

static const struct field log_data_fields[] = {
    U64(msg_log_data, request),
    U64(msg_log_data, offset),
    BYTES(msg_log_data, data, LIMIT_BLOB_CHUNK_BYTES),
    U64(msg_log_data, total),
    BOOL(msg_log_data, live),
    BOOL(msg_log_data, found),
};
SHAPE(log_data, msg_log_data);

static const struct field verdict_entry_fields[] = {
    U64(msg_verdict_entry, task),
    U64(msg_verdict_entry, attempt),
    ENUM(msg_verdict_entry, verdict, MSG_VERDICT_KEEP, MSG_VERDICT_ACKNOWLEDGED),
    U64(msg_verdict_entry, lease_ms),
    U64(msg_verdict_entry, metrics_offset),
};
SHAPE(verdict_entry, msg_verdict_entry);

static const struct field welcome_fields[] = {
    U32(msg_welcome, protocol),
    TEXT(msg_welcome, cluster, LIMIT_NAME),
    TEXT(msg_welcome, coordinator, LIMIT_LINE_BYTES),
    U32(msg_welcome, worker),
    U64(msg_welcome, heartbeat_ms),
    U64(msg_welcome, orphan_grace_ms),
    LIST(msg_welcome, verdicts, verdicts, verdicts_count, verdict_entry, LIMIT_BATCH),
    BOOL(msg_welcome, draining),
    TEXT_LIST(msg_welcome, endpoints, endpoints, endpoints_count, LIMIT_COORDINATORS),
};
SHAPE(welcome, msg_welcome);

static const struct field entry_fields[] = {
    ENUM(msg_entry, kind, MSG_ENTRY_TREE, MSG_ENTRY_DIR),
    DIGEST(msg_entry, digest),
    TEXT(msg_entry, spec, LIMIT_FIELD_JSON_BYTES),
    TEXT(msg_entry, label, LIMIT_LINE_BYTES),
};
SHAPE(entry, msg_entry);

static const struct field input_fields[] = {
    WORD(msg_input, name, LIMIT_NAME),
    TEXT(msg_input, kind, LIMIT_NAME),
    BOOL(msg_input, many),
    LIST(msg_input, entries, entries, entries_count, entry, LIMIT_INPUT_ENTRIES),
};
SHAPE(input, msg_input);

static const struct field declared_output_fields[] = {
    WORD(msg_declared_output, name, LIMIT_NAME),
    TEXT(msg_declared_output, kind, LIMIT_NAME),
};
SHAPE(declared_output, msg_declared_output);

static const struct field exit_rule_fields[] = {
    I32(msg_exit_rule, status),
    TEXT(msg_exit_rule, meaning, LIMIT_NAME),
};
SHAPE(exit_rule, msg_exit_rule);

static const struct field assignment_fields[] = {
    U64(msg_assignment, task),
    U64(msg_assignment, attempt),
    WORD(msg_assignment, name, LIMIT_LINE_BYTES),
    TEXT(msg_assignment, grid, LIMIT_LINE_BYTES),
    WORD(msg_assignment, program, LIMIT_NAME),
    U32(msg_assignment, version),
    BOOL(msg_assignment, builtin),
    BOOL(msg_assignment, engine),
    BOOL(msg_assignment, exclusive),
    BOOL(msg_assignment, decision),
    TEXT_LIST(msg_assignment, command, command, command_count, LIMIT_COMMAND_WORDS),
    DIGEST(msg_assignment, files),
    TEXT(msg_assignment, params, LIMIT_FIELD_JSON_BYTES),
    LIST(msg_assignment, inputs, inputs, inputs_count, input, LIMIT_INPUTS),
    LIST(msg_assignment, outputs, outputs, outputs_count, declared_output, LIMIT_OUTPUTS),
    PART(msg_assignment, resources, resources),
    U64(msg_assignment, time_ms),
    U64(msg_assignment, grace_ms),
    U64(msg_assignment, lease_ms),
    LIST(msg_assignment, exits, exits, exits_count, exit_rule, LIMIT_EXIT_RULES),
    TEXT(msg_assignment, checkpoint, PATH_BYTES),
    TEXT(msg_assignment, checkpoint_worker, LIMIT_NAME),
    U64(msg_assignment, checkpoint_attempt),
    U32(msg_assignment, rank),
    U32(msg_assignment, ranks),
    BOOL(msg_assignment, per_rank),
};
SHAPE(assignment, msg_assignment);

static const struct field assign_fields[] = {
    LIST(msg_assign, assignments, assignments, count, assignment, LIMIT_BATCH),
};
SHAPE(assign, msg_assign);

static const struct field go_fields[] = {
    U64(msg_go, task),
    U64(msg_go, attempt),
    U32(msg_go, port),
    TEXT_LIST(msg_go, hosts, hosts, hosts_count, LIMIT_RANKS),
};
SHAPE(go, msg_go);

static const struct field renewal_fields[] = {
    U64(msg_renewal, task),
    U64(msg_renewal, attempt),
    U64(msg_renewal, lease_ms),
};
SHAPE(renewal, msg_renewal);

static const struct field renewed_fields[] = {
    LIST(msg_renewed, renewals, renewals, count, renewal, LIMIT_BATCH),
    U64(msg_renewed, number),
};
SHAPE(renewed, msg_renewed);

static const struct field revocation_fields[] = {
    U64(msg_revocation, task),
    U64(msg_revocation, attempt),
    U64(msg_revocation, grace_ms),
    TEXT(msg_revocation, reason, LIMIT_LINE_BYTES),
    BOOL(msg_revocation, preempt),
};
SHAPE(revocation, msg_revocation);

static const struct field revoke_fields[] = {
    LIST(msg_revoke, revocations, revocations, count, revocation, LIMIT_BATCH),
};
SHAPE(revoke, msg_revoke);

static const struct field retract_fields[] = {
    LIST(msg_retract, attempts, attempts.items, attempts.count, attempt, LIMIT_BATCH),
};
SHAPE(retract, msg_retract);

static const struct field metrics_ack_fields[] = {
    U64(msg_metrics_ack, task),
    U64(msg_metrics_ack, attempt),
    U64(msg_metrics_ack, offset),
};
SHAPE(metrics_ack, msg_metrics_ack);

static const struct field ack_fields[] = {
    LIST(msg_ack, attempts, attempts.items, attempts.count, attempt, LIMIT_BATCH),
};
SHAPE(ack, msg_ack);

EMPTY_SHAPE(need_hello);

static const struct field log_read_fields[] = {
    U64(msg_log_read, request),
    U64(msg_log_read, task),
    U64(msg_log_read, attempt),
    U64(msg_log_read, offset),
    U32(msg_log_read, length),
};
SHAPE(log_read, msg_log_read);

static const struct field drain_fields[] = {
    BOOL(msg_drain, on),
    TEXT(msg_drain, reason, LIMIT_LINE_BYTES),
};
SHAPE(drain, msg_drain);

static const struct field bye_fields[] = {
    TEXT(msg_bye, reason, LIMIT_LINE_BYTES),
};
SHAPE(bye, msg_bye);

static const struct field error_fields[] = {
    ENUM(msg_error, code, ERR_NONE, ERR_INTERNAL),
    TEXT(msg_error, message, LIMIT_LINE_BYTES),
    TEXT(msg_error, hint, LIMIT_LINE_BYTES),
    BOOL(msg_error, standby),
    TEXT_LIST(msg_error, endpoints, endpoints, endpoints_count, LIMIT_COORDINATORS),
};
SHAPE(error, msg_error);

static const struct field submit_fields[] = {
    U64(msg_submit, request),
    WORD(msg_submit, submission, LIMIT_NAME),
    DIGEST(msg_submit, bundle),
    BOOL(msg_submit, dry_run),
    ENUM(msg_submit, changed, MSG_CHANGED_STOP, MSG_CHANGED_RERUN),
    TEXT(msg_submit, options, LIMIT_FIELD_JSON_BYTES),
};
SHAPE(submit, msg_submit);

static const struct field have_fields[] = {
    U64(msg_have, request),
    BOOL(msg_have, trees),
    DIGEST_LIST(msg_have, digests, digests, count, LIMIT_HAVE_DIGESTS),
};
SHAPE(have, msg_have);

static const struct field put_fields[] = {
    U64(msg_put, request),
    BOOL(msg_put, tree),
    DIGEST(msg_put, digest),
    U64(msg_put, bytes),
    U64(msg_put, offset),
    BYTES(msg_put, data, LIMIT_BLOB_CHUNK_BYTES),
};
SHAPE(put, msg_put);

static const struct field fetch_fields[] = {
    U64(msg_fetch, request),
    DIGEST(msg_fetch, digest),
    TEXT(msg_fetch, path, PATH_BYTES),
    U64(msg_fetch, offset),
    U32(msg_fetch, length),
};
SHAPE(fetch, msg_fetch);

static const struct field log_fields[] = {
    U64(msg_log, request),
    U64(msg_log, task),
    U64(msg_log, attempt),
    TEXT(msg_log, stream, LIMIT_NAME),
    U64(msg_log, offset),
    U32(msg_log, length),
    BOOL(msg_log, follow),
    BOOL(msg_log, of_rank),
    U32(msg_log, rank),
};
SHAPE(log, msg_log);

static const struct field query_fields[] = {
    U64(msg_query, request),
    WORD(msg_query, kind, LIMIT_NAME),
    TEXT(msg_query, parameters, LIMIT_FIELD_JSON_BYTES),
};
SHAPE(query, msg_query);

static const struct field control_fields[] = {
    U64(msg_control, request),
    WORD(msg_control, verb, LIMIT_NAME),
    TEXT(msg_control, parameters, LIMIT_FIELD_JSON_BYTES),
};
SHAPE(control, msg_control);

static const struct field reply_fields[] = {
    U64(msg_reply, request),
    ENUM(msg_reply, code, ERR_NONE, ERR_INTERNAL),
    TEXT(msg_reply, message, LIMIT_LINE_BYTES),
    TEXT(msg_reply, hint, LIMIT_LINE_BYTES),
    TEXT(msg_reply, body, LIMIT_FIELD_JSON_BYTES),
    BYTES(msg_reply, data, LIMIT_BLOB_CHUNK_BYTES),
    U64(msg_reply, offset),
    U64(msg_reply, total),
    BOOL(msg_reply, more),
    U64(msg_reply, batch),
    BOOL(msg_reply, degraded),
    BOOL(msg_reply, standby),
    TEXT_LIST(msg_reply, endpoints, endpoints, endpoints_count, LIMIT_COORDINATORS),
};
SHAPE(reply, msg_reply);

const struct shape *shape_of(enum message_type type)
{
    switch (type) {
    case MSG_NONE:
        return NULL;
    case MSG_HELLO:
        return &hello_shape;
    case MSG_STARTED:
        return &started_shape;
    case MSG_RENEW:
        return &renew_shape;
    case MSG_PROGRESS:
        return &progress_shape;
    case MSG_METRICS:
        return &metrics_shape;
    case MSG_FINISHED:
        return &finished_shape;
    case MSG_LOG_DATA:
        return &log_data_shape;
    case MSG_ACCEPTED:
        return &accepted_shape;
    case MSG_WELCOME:
        return &welcome_shape;
    case MSG_ASSIGN:
        return &assign_shape;
    case MSG_RENEWED:
        return &renewed_shape;
    case MSG_REVOKE:
        return &revoke_shape;
    case MSG_RETRACT:
        return &retract_shape;
    case MSG_METRICS_ACK:
        return &metrics_ack_shape;
    case MSG_ACK:
        return &ack_shape;
    case MSG_NEED_HELLO:
        return &need_hello_shape;
    case MSG_LOG_READ:
        return &log_read_shape;
    case MSG_GO:
        return &go_shape;
    case MSG_DRAIN:
        return &drain_shape;
    case MSG_BYE:
        return &bye_shape;
    case MSG_ERROR:
        return &error_shape;
    case MSG_SUBMIT:
        return &submit_shape;
    case MSG_HAVE:
        return &have_shape;
    case MSG_PUT:
        return &put_shape;
    case MSG_FETCH:
        return &fetch_shape;
    case MSG_LOG:
        return &log_shape;
    case MSG_QUERY:
        return &query_shape;
    case MSG_CONTROL:
        return &control_shape;
    case MSG_REPLY:
        return &reply_shape;
    }
    return NULL;
}
