/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message of the protocol (docs/protocol.md) as a plain struct, and its bounds-checked
 * conversion to and from bytes (proto/assay.proto). No struct here knows protobuf.
 *
 * Conventions. Strings are NUL-terminated UTF-8 and never NULL after unpacking ("" when
 * absent); NULL packs as "". A zero digest is an absent one. Lists are pointer + count. After
 * message_unpack everything lies in the caller's arena. Enumerations are checked: an unknown
 * value is a protocol error. Unknown fields and unknown messages of a later minor version are
 * skipped (MSG_NONE).
 */
#ifndef ASSAY_PROTO_MESSAGE_H
#define ASSAY_PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/str.h"

#define PROTOCOL_MIN 1
#define PROTOCOL_MAX 1

/* Numbers are those of the wire; a retired one is never used again. */
enum message_type {
    MSG_NONE = 0, /* a message that this version does not know: ignore */
    /* worker -> coordinator */
    MSG_HELLO = 10,
    MSG_STARTED = 11,
    MSG_RENEW = 12,
    MSG_PROGRESS = 13,
    MSG_METRICS = 14,
    MSG_FINISHED = 15,
    MSG_LOG_DATA = 16,
    MSG_ACCEPTED = 17,
    /* coordinator -> worker */
    MSG_WELCOME = 20,
    MSG_ASSIGN = 21,
    MSG_RENEWED = 22,
    MSG_REVOKE = 23,
    MSG_RETRACT = 24,
    MSG_METRICS_ACK = 25,
    MSG_ACK = 26,
    MSG_NEED_HELLO = 27,
    MSG_LOG_READ = 28,
    MSG_GO = 29,
    /* either way */
    MSG_DRAIN = 30,
    MSG_BYE = 31,
    MSG_ERROR = 32,
    /* client -> coordinator */
    MSG_SUBMIT = 40,
    MSG_HAVE = 41,
    MSG_PUT = 42,
    MSG_FETCH = 43,
    MSG_LOG = 44,
    MSG_QUERY = 45,
    MSG_CONTROL = 46,
    /* coordinator -> client */
    MSG_REPLY = 50,
};

/* --- Parts --- */

struct msg_attempt {
    uint64_t task;    /* grid << 32 | ordinal */
    uint64_t attempt; /* the fence: never reused, orders attempts */
};

struct msg_attempts {
    struct msg_attempt *items;
    size_t count;
};

struct msg_bytes {
    const uint8_t *data;
    size_t length;
};

struct msg_counter {
    const char *name;
    uint32_t amount;
};

struct msg_device {
    const char *name; /* UUID or index */
    const char *model, *bus;
    uint64_t memory_bytes;
    bool lost; /* fell off: nothing is placed on it */
};

struct msg_numa_node {
    uint32_t cpus;
    uint64_t memory_bytes;
    uint32_t *devices; /* places in `gpus` */
    size_t devices_count;
    uint32_t *distances; /* to node i; none: not known */
    size_t distances_count;
};

struct msg_resources {
    uint32_t cpus_milli; /* 1000 = one core */
    uint64_t memory_bytes;
    uint64_t disk_bytes;
    uint32_t *gpus; /* device indexes: those of the node in HELLO, those granted in ASSIGN */
    size_t gpus_count;
    /* HELLO: what is known of gpus[i], and the parts of the node. In the worker's own record of
     * an assignment: what is handed to the program for gpus[i], and the cpus it is bound to;
     * ASSIGN leaves these out. */
    struct msg_device *devices;
    size_t devices_count;
    struct msg_numa_node *numa;
    size_t numa_count;
    uint32_t *cpus;
    size_t cpus_count;
    const char **labels; /* HELLO only: facts about the node */
    size_t labels_count;
    struct msg_counter *counters; /* what there is in HELLO, what is granted in ASSIGN */
    size_t counters_count;
};

/* --- Worker -> coordinator --- */

enum msg_held {
    MSG_HELD_QUEUED = 0, /* assigned, not begun */
    MSG_HELD_RUNNING,    /* begun (and perhaps publishing) */
    MSG_HELD_FINISHED,   /* ended, FINISHED not acknowledged */
};

struct msg_inventory {
    uint64_t task, attempt;
    enum msg_held held;
};

struct msg_hello {
    uint32_t protocol_min, protocol_max;
    const char *cluster;  /* "" = any */
    const char *worker;   /* its name, unique in the cluster */
    uint64_t incarnation; /* rises with every start of the worker's process */
    uint64_t number;      /* rises with every HELLO of a process */
    uint64_t epoch_seen;  /* highest epoch heard from any coordinator */
    const char *version, *host;
    uint32_t pid;
    uint32_t slots;    /* attempts at a time */
    uint32_t prefetch; /* further assignments that may wait here */
    struct msg_resources resources;
    uint64_t life_ms; /* until the worker leaves by itself; 0: it does not */
    bool draining;
    struct msg_inventory *inventory; /* everything held */
    size_t inventory_count;
    const char *notice; /* trouble of the node, for people; "" = none */
    bool closed;        /* takes nothing new as long as that lasts */
};

struct msg_start {
    uint64_t task, attempt;
    uint32_t pid;            /* 0 for a built-in */
    uint64_t resumed_offset; /* bytes of metrics.jsonl taken over with a checkpoint */
    bool resumed;            /* began from a checkpoint */
};

/* A rank of a gang is ready to run and waits for GO. */
struct msg_acceptance {
    uint64_t task, attempt;
    const char *host; /* where the other ranks reach it */
    uint32_t port;    /* of rank 0: free there, for the program to listen on */
};

struct msg_accepted {
    struct msg_acceptance *acceptances;
    size_t count;
};

struct msg_started {
    struct msg_start *starts;
    size_t count;
};

/* The complete set of attempts held (queued, running, ending, not yet acknowledged): a
 * heartbeat, even when empty. */
struct msg_renew {
    struct msg_attempts held;
    uint64_t number; /* counts from 1 in a process; 0: a worker that does not count them */
};

struct msg_progress_entry {
    uint64_t task, attempt;
    double fraction; /* 0..1 */
    double done, total;
    const char *unit;
};

struct msg_progress {
    struct msg_progress_entry *entries;
    size_t count;
};

struct msg_point {
    const char *name, *tag;
    int64_t step;
    double value; /* finite */
};

/* Lines [offset, end) of an attempt's metrics.jsonl. */
struct msg_metrics {
    uint64_t task, attempt;
    uint64_t offset, end;
    struct msg_point *points;
    size_t count;
};

enum msg_outcome {
    MSG_OUTCOME_NONE = 0, /* invalid on the wire */
    MSG_OUTCOME_DONE,
    MSG_OUTCOME_FAILED,     /* non-zero exit, or its inputs are not what was submitted */
    MSG_OUTCOME_AGAIN,      /* asked to be tried again (75) */
    MSG_OUTCOME_MEMORY,     /* out of memory */
    MSG_OUTCOME_TIME,       /* over its time limit */
    MSG_OUTCOME_SIGNAL,     /* killed by a signal that we did not send */
    MSG_OUTCOME_BAD_OUTPUT, /* missing output, malformed metrics, ... */
    MSG_OUTCOME_LOST,       /* the shim died under it */
    MSG_OUTCOME_STORE,      /* the store or this worker's disk could not serve it */
    MSG_OUTCOME_CANCELLED,  /* ended by REVOKE or a kill verdict */
    MSG_OUTCOME_PREEMPTED,  /* the worker is leaving; a checkpoint may be there */
    MSG_OUTCOME_RETRACTED,  /* never begun, handed back */
};

struct msg_output {
    const char *name;
    struct digest digest; /* of the tree */
    uint64_t bytes;       /* sum over its blobs */
};

struct msg_usage {
    uint64_t wall_ms, user_ms, sys_ms;
    uint64_t max_rss_bytes;
    uint64_t read_bytes, write_bytes; /* block I/O */
};

struct msg_result {
    uint64_t task, attempt;
    enum msg_outcome outcome;
    int32_t exit_status; /* -1: did not exit by itself */
    uint32_t signal;     /* 0: none */
    const char *message; /* one line for people; "" when done */
    struct msg_output *outputs;
    size_t outputs_count;
    struct msg_usage usage;
    const char *log_tail;    /* at most LIMIT_LOG_EXCERPT_BYTES, whole UTF-8 */
    struct digest log;       /* the log as a blob; zero when there is none */
    uint64_t log_bytes;      /* of that blob */
    uint64_t metrics_end;    /* all METRICS up to here were acknowledged before this was sent */
    const char *decision;    /* decision.json of a decision task, or "" */
    const char *checkpoint;  /* directory of the newest complete checkpoint, or "" */
    uint64_t started_ago_ms; /* wall time since it began; 0 = never did */
    /* STORE: the tree that it reads, or runs, and that is not whole in the store, and the tree or
     * blob of it that is not there; zero: nothing is missing. */
    struct digest missing, missing_part;
    bool missing_part_is_tree;
};

struct msg_finished {
    struct msg_result *results;
    size_t count;
};

/* Answer to LOG_READ. */
struct msg_log_data {
    uint64_t request;
    uint64_t offset; /* where `data` begins; larger than asked when bytes were dropped there */
    struct msg_bytes data;
    uint64_t total; /* bytes written so far, dropped ones counted */
    bool live;      /* more may come */
    bool found;     /* this worker knows the attempt */
};

/* --- Coordinator -> worker --- */

enum msg_verdict {
    MSG_VERDICT_KEEP = 0,     /* go on (or send FINISHED again) */
    MSG_VERDICT_KILL,         /* end it, report CANCELLED, forget it once acknowledged */
    MSG_VERDICT_ACKNOWLEDGED, /* its FINISHED is committed: forget it */
};

struct msg_verdict_entry {
    uint64_t task, attempt;
    enum msg_verdict verdict;
    uint64_t lease_ms;       /* keep */
    uint64_t metrics_offset; /* keep: committed so far */
};

struct msg_welcome {
    uint32_t protocol; /* chosen */
    const char *cluster;
    const char *coordinator; /* host:pid, for people */
    uint32_t worker;         /* number given to it, for logs */
    uint64_t heartbeat_ms;   /* how often to send RENEW */
    uint64_t orphan_grace_ms;
    bool draining;                      /* takes no new work until DRAIN says otherwise */
    struct msg_verdict_entry *verdicts; /* one per inventory entry */
    size_t verdicts_count;
    const char **endpoints; /* of all coordinators that are known, the leader's first */
    size_t endpoints_count;
};

enum msg_entry_kind {
    MSG_ENTRY_TREE = 0,  /* `digest` names a tree of the store */
    MSG_ENTRY_DOCUMENTS, /* `spec`: a pool part */
    MSG_ENTRY_FILE,
    MSG_ENTRY_DIR,
};

/* `spec` (JSON, docs/protocol.md section 6) freezes what lies outside the store. */
struct msg_entry {
    enum msg_entry_kind kind;
    struct digest digest;
    const char *spec;
    const char *label; /* gathered: "seed=1"; else "" */
};

struct msg_input {
    const char *name, *kind;
    bool many;
    struct msg_entry *entries;
    size_t entries_count;
};

struct msg_declared_output {
    const char *name, *kind;
};

struct msg_exit_rule {
    int32_t status;
    const char *meaning; /* "again", "failed", "memory", "done" */
};

struct msg_assignment {
    uint64_t task, attempt;
    const char *name; /* "train/variant=raw,seed=1" */
    const char *grid; /* grid's name, for logs */
    const char *program;
    uint32_t version;
    bool builtin;   /* no directory, no process */
    bool engine;    /* runs assay-curate */
    bool exclusive; /* the worker ends it when its lease expires */
    bool decision;  /* output `decision` travels in FINISHED */
    const char **command;
    size_t command_count;
    struct digest files; /* tree of the program's files; zero when it has none */
    const char *params;  /* canonical JSON object */
    struct msg_input *inputs;
    size_t inputs_count;
    struct msg_declared_output *outputs;
    size_t outputs_count;
    struct msg_resources resources;
    uint64_t time_ms;  /* limit; 0 = none */
    uint64_t grace_ms; /* between SIGTERM and SIGKILL */
    uint64_t lease_ms; /* of the first lease */
    struct msg_exit_rule *exits;
    size_t exits_count;
    /* An earlier attempt to go on from, when its checkpoint can be found: its number (0: none),
     * where its FINISHED said that it lies, and the worker that has it (both may be ""). */
    uint64_t checkpoint_attempt;
    const char *checkpoint;
    const char *checkpoint_worker;
    uint32_t rank, ranks; /* of a gang, which begins with GO; ranks 0: not one */
    bool per_rank;        /* every rank's outputs count, not those of rank 0 alone */
};

struct msg_assign {
    struct msg_assignment *assignments;
    size_t count;
};

/* All ranks of a gang have accepted: this one begins. */
struct msg_go {
    uint64_t task, attempt;
    uint32_t port;      /* where rank 0 listens, on hosts[0] */
    const char **hosts; /* by rank */
    size_t hosts_count;
};

struct msg_renewal {
    uint64_t task, attempt;
    uint64_t lease_ms;
};

struct msg_renewed {
    struct msg_renewal *renewals;
    size_t count;
    uint64_t number; /* of the RENEW that it answers: leases count from when that was sent */
};

struct msg_revocation {
    uint64_t task, attempt;
    uint64_t grace_ms; /* 0 = kill at once */
    const char *reason;
    bool preempt; /* it makes room: outcome PREEMPTED, or what it was if it finishes in time */
};

struct msg_revoke {
    struct msg_revocation *revocations;
    size_t count;
};

struct msg_retract {
    struct msg_attempts attempts;
};

/* `offset` is what is committed; the worker goes on (or back) from there. */
struct msg_metrics_ack {
    uint64_t task, attempt;
    uint64_t offset;
};

/* The result is committed (accepted or dropped as late): forget the attempt. */
struct msg_ack {
    struct msg_attempts attempts;
};

struct msg_log_read {
    uint64_t request; /* echoed in LOG_DATA */
    uint64_t task, attempt;
    uint64_t offset;
    uint32_t length;
};

/* --- Either way --- */

/* Coordinator: take nothing new, finish what runs (or take work again). Worker: the same about
 * itself. */
struct msg_drain {
    bool on;
    const char *reason;
};

struct msg_bye {
    const char *reason;
};

struct msg_error {
    enum err_code code;
    const char *message, *hint;
    bool standby; /* this coordinator does not lead: go to another one of `endpoints` */
    const char **endpoints; /* as in WELCOME */
    size_t endpoints_count;
};

/* --- Clients. Every request has a number, unique per connection, that its replies carry. ---
 */

enum msg_changed {
    MSG_CHANGED_STOP = 0, /* refuse when a program's files changed at the same version */
    MSG_CHANGED_KEEP,
    MSG_CHANGED_RERUN,
};

struct msg_submit {
    uint64_t request;
    const char *submission; /* id chosen by the client: the same id again is the same grid */
    struct digest bundle;   /* tree, docs/formats.md section 3 */
    bool dry_run;
    enum msg_changed changed;
    const char *options; /* JSON object, "" = none */
};

/* Which of these does the store have? REPLY data: one byte per digest, 1 = yes. */
struct msg_have {
    uint64_t request;
    bool trees; /* digests of trees, else of blobs */
    struct digest *digests;
    size_t count;
};

/* A piece of a blob, or of a tree's canonical JSON; verified and published with its last byte.
 */
struct msg_put {
    uint64_t request;
    bool tree;
    struct digest digest;
    uint64_t bytes; /* of the whole */
    uint64_t offset;
    struct msg_bytes data; /* at most LIMIT_BLOB_CHUNK_BYTES */
};

/* `path` below a tree; "" with a tree digest gives its JSON; a blob digest with "" its bytes.
 */
struct msg_fetch {
    uint64_t request;
    struct digest digest;
    const char *path;
    uint64_t offset;
    uint32_t length;
};

/* Text of a task's log from `offset`; attempt 0 = the newest. With follow the reply waits up to
 * some seconds for more. */
struct msg_log {
    uint64_t request;
    uint64_t task, attempt;
    const char *stream; /* "log" or "metrics" */
    uint64_t offset;
    uint32_t length;
    bool follow;
    bool of_rank; /* that rank's of a gang; else rank 0's or, once it is over, that of the rank
                   * at fault */
    uint32_t rank;
};

struct msg_query {
    uint64_t request;
    const char *kind;       /* "status", "ls", "explain", "nodes", "plan", "events", ... */
    const char *parameters; /* JSON object, "" = none */
};

struct msg_control {
    uint64_t request;
    const char *verb;       /* "cancel", "retry", "hold", "drain", ... */
    const char *parameters; /* JSON object, "" = none */
};

struct msg_reply {
    uint64_t request;
    enum err_code code; /* ERR_NONE = success */
    const char *message, *hint;
    const char *body; /* JSON object with a version in its first key, or "" */
    struct msg_bytes data;
    uint64_t offset; /* of data */
    uint64_t total;  /* bytes of the whole that data is part of, when known */
    bool more;       /* further replies to this request follow, or more data can be asked for */
    uint64_t batch;  /* committed batch that the answer reflects */
    bool degraded;   /* the database is away: an answer from memory */
    bool standby;    /* nothing was done, since this coordinator does not lead */
    const char **endpoints; /* as in WELCOME; none when there is only one */
    size_t endpoints_count;
};

/* --- The message --- */

struct message {
    uint32_t protocol; /* version spoken; message_pack fills in PROTOCOL_MAX for 0 */
    uint64_t epoch;    /* of the coordinator; 0 from workers and clients */
    enum message_type type;

    union {
        struct msg_hello hello;
        struct msg_accepted accepted;
        struct msg_started started;
        struct msg_renew renew;
        struct msg_progress progress;
        struct msg_metrics metrics;
        struct msg_finished finished;
        struct msg_log_data log_data;
        struct msg_welcome welcome;
        struct msg_assign assign;
        struct msg_go go;
        struct msg_renewed renewed;
        struct msg_revoke revoke;
        struct msg_retract retract;
        struct msg_metrics_ack metrics_ack;
        struct msg_ack ack;
        struct msg_log_read log_read;
        struct msg_drain drain;
        struct msg_bye bye;
        struct msg_error error;
        struct msg_submit submit;
        struct msg_have have;
        struct msg_put put;
        struct msg_fetch fetch;
        struct msg_log log;
        struct msg_query query;
        struct msg_control control;
        struct msg_reply reply;
    };
};

/* Appends the packed message to `out`. ERR_LIMIT when a field or the whole exceeds its bound,
 * ERR_INPUT when a string is not UTF-8 or a number not finite; `out` is then unchanged. */
bool message_pack(const struct message *message, struct str *out, struct err *err);
/* ERR_PROTOCOL or ERR_LIMIT, naming message and field; nothing is changed then. */
bool message_unpack(
    const void *data,
    size_t length,
    struct arena *arena,
    struct message *ret_message,
    struct err *err);
/* Upper bound of the bytes that one assignment or result takes in a batch, for splitting. */
size_t message_assignment_bytes(const struct msg_assignment *assignment);
size_t message_result_bytes(const struct msg_result *result);
const char *message_type_name(enum message_type type);      /* "HELLO"; "?" when unknown */
const char *message_outcome_name(enum msg_outcome outcome); /* "done", "bad-output", ... */
bool message_outcome_from_name(const char *name, enum msg_outcome *ret_outcome);

#endif
