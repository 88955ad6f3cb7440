/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit of the system, each with its reason. What exceeds one is refused with ERR_LIMIT
 * and a message that names the limit; nothing is cut silently, except logs, which say so.
 * Running out of memory aborts, so every input that could cause it has its bound here.
 */
#ifndef ASSAY_BASE_LIMITS_H
#define ASSAY_BASE_LIMITS_H

#include <stdint.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* --- Trees that come from outside --- */

/* A grid file written by a person is a few KiB; a generated one with 100k points stays below
 * this. */
#define LIMIT_YAML_BYTES ((size_t)(4 * MIB))
/* Lowered plans and file lists are JSON written by programs, so they may be larger. */
#define LIMIT_JSON_BYTES ((size_t)(16 * MIB))
/* Bounds stacks and libyaml's work on nested flow collections, which grows with the square of
 * the depth. */
#define LIMIT_NODE_DEPTH 64
/* About 100 bytes each in memory: a hostile document costs at most 100 MB while it is looked
 * at. */
#define LIMIT_NODES 1000000

/* --- Names and paths --- */

/* Names are path components and map keys in tables of people: [A-Za-z0-9._-], but not "." or
 * "..". */
#define LIMIT_NAME 128
/* Below PATH_MAX, so that a store's own prefix still fits in front. */
#define LIMIT_RELATIVE_PATH 1024
/* Deepest directory nesting in a published tree or a removed one. */
#define LIMIT_TREE_DEPTH 64
/* Entries of one listing, one glob, or one checked-out tree with all its folders: bounds their
 * memory and inodes. */
#define LIMIT_TREE_ENTRIES 1000000

/* --- Messages and artifacts --- */

/* One protocol message; a peer that sends more is disconnected. Larger things travel as
 * artifact chunks. */
#define LIMIT_MESSAGE_BYTES ((size_t)(4 * MIB))
/* One chunk of PUT or FETCH: large enough to fill a link, small enough to keep a turn short. */
#define LIMIT_BLOB_CHUNK_BYTES ((size_t)(1 * MIB))
/* Entries of one folder in a tree: its canonical text, at most 260 bytes an entry, stays below
 * LIMIT_JSON_BYTES. */
#define LIMIT_FOLDER_ENTRIES 60000
/* The files of a program as submitted: code and small tables, never data. */
#define LIMIT_PROGRAM_BYTES (64 * MIB)

/* --- Grids --- */

/* A product of 16 axes is beyond what a person can compare; bounds per-cell coordinates. */
#define LIMIT_AXES 16
/* A directory of checkpoints may be an axis; more points than this is a mistake. */
#define LIMIT_POINTS_PER_AXIS 100000
/* The task ordinal has 32 bits; the coordinator keeps about 300 bytes per task in memory. */
#define LIMIT_TASKS_PER_GRID 2000000
/* Priorities are ranks and not amounts: a thousand on each side leaves room for every scheme,
 * and the sum of a grid's and a stage's stays a small number. */
#define LIMIT_PRIORITY 1000
/* Owners that configuration lists; each grid looks its own up once. */
#define LIMIT_OWNERS 10000
/* Shares are told apart to a thousandth; scores are divided by it. */
#define LIMIT_OWNER_WEIGHT 1000
/* A property of the pool and never of the cluster: bounds the tasks that one curation step
 * makes. */
#define LIMIT_GROUPS_PER_POOL 2000
/* Combinations that are looked at while cells are made: a product that dependent axes and
 * `exclude:` thin out may be larger than what stays of it, but costs time. */
#define LIMIT_GRID_PRODUCT (UINT64_C(4) * LIMIT_TASKS_PER_GRID)
/* `include:` and `exclude:` are written by hand; each is compared with every cell. */
#define LIMIT_GRID_POINTS_LISTED 10000
/* Templates in one grid; nobody keeps more in view, and cycles are searched among all. */
#define LIMIT_STAGES 256
/* A pipeline of a published study has some 12 steps; leave-one-out makes steps^2 of them. */
#define LIMIT_STEPS_PER_PIPELINE 256
/* Components of a mixture: sources of a pool, at most a few dozen. */
#define LIMIT_COMPONENTS 256
/* `base:` of a `base:` ...: deeper is a mistake, and a cycle never ends. */
#define LIMIT_PIPELINE_CHAIN 16
/* Files that take part in one grid (programs, scales, pipelines, pools): a node's line carries
 * the file's number in 10 bits. */
#define LIMIT_GRID_FILES 1000
/* --set edits of one command line. */
#define LIMIT_SETS 64
/* Errors of one run: more would scroll away. Further ones are only counted. */
#define LIMIT_DIAGNOSTICS 200

/* --- Attempts --- */

/* A metric's name and its tag, which are columns of an index. */
#define LIMIT_METRIC_NAME 128
/* One line of metrics.jsonl: room for a few hundred numbers. */
#define LIMIT_METRIC_LINE_BYTES ((size_t)(64 * KIB))
/* A log keeps its head, where set-up errors are, and its tail, where the end is. */
#define LIMIT_LOG_HEAD_BYTES (1 * MIB)
#define LIMIT_LOG_TAIL_BYTES (4 * MIB)

/* A disk with less room than this is full: what fails on it is excused. */
#define LIMIT_DISK_FULL_BYTES (1 * MIB)

/* --- Configuration and children --- */

/* A configuration file is written by hand. */
#define LIMIT_CONFIG_BYTES ((size_t)(256 * KIB))
/* What run-and-capture keeps of each of a child's streams unless the caller says less. */
#define LIMIT_CAPTURE_BYTES ((size_t)(16 * MIB))

/* --- Wire --- */

/* Attempts, assignments or results in one batched message: a turn's work, and what a worker may
 * hold at all. */
#define LIMIT_BATCH 4096
/* One-line strings: names of tasks, messages, hints, reasons, units. */
#define LIMIT_LINE_BYTES 2048
/* JSON in a field (parameters, specs, query answers): leaves room for the rest of a message. */
#define LIMIT_FIELD_JSON_BYTES ((size_t)(3 * MIB))
/* A command's words, and its exit rules. */
#define LIMIT_COMMAND_WORDS 1024
#define LIMIT_EXIT_RULES    256
/* Named inputs of a task; a cut reads one per distinct measure. */
#define LIMIT_INPUTS 1024
/* Entries of one gathered input: all groups of several pools. */
#define LIMIT_INPUT_ENTRIES 65536
/* A plan as stored: LIMIT_TASKS_PER_GRID records of about 500 bytes. */
#define LIMIT_PLAN_BYTES ((size_t)(1 * GIB))
/* What of it travels as one: libpq keeps room for that, and the loop copies it at once. */
#define LIMIT_PLAN_SLICE_BYTES (1 << 20)
/* Sources in all distinct lists of a stored plan: 2,000 groups of 1,000 measures, at 80 bytes
 * each. */
#define LIMIT_PLAN_SOURCES 4000000
/* Declared outputs: a fused curation pass has one per step. */
#define LIMIT_OUTPUTS 1024
/* Coordinators of one cluster: one leads, a few stand by. */
#define LIMIT_COORDINATORS 16
/* Where a peer listens, as in tcp://host:port: a host name has at most 253 characters. */
#define LIMIT_ENDPOINT 300
/* Ranks of a gang. Their hosts travel in one message, and each of its workers lists all. */
#define LIMIT_RANKS 256
/* Devices of one node: eight cards cut into seven instances each are 56. A set of them is one
 * word in memory, in lease rows and in the database. */
#define LIMIT_DEVICES 64
/* Processors of one node, as many as glibc's cpu_set_t has. */
#define LIMIT_CPUS 1024
/* Parts of one node: two sockets cut into four each, and memory without cpus beside them. */
#define LIMIT_NUMA_NODES 32
/* Facts about one node, and what one task asks of them: written by hand. */
#define LIMIT_LABELS 64
/* Named counters of one node, of the cluster, or of one task: written by hand, looked through
 * at each placement. */
#define LIMIT_COUNTERS 16
/* Keeps sums over all attempts of a cluster in 64 bits, and any one in 32. */
#define LIMIT_COUNTER_AMOUNT 1000000
/* Points of one METRICS message: about 0.5 MiB. */
#define LIMIT_METRIC_POINTS 16384
/* Digests asked about in one HAVE. */
#define LIMIT_HAVE_DIGESTS 65536
/* What a decision task may say; it is stored in a row and applied in one event. */
#define LIMIT_DECISION_BYTES ((size_t)(64 * KIB))
/* The end of a log that travels in FINISHED, for `assay status`. */
#define LIMIT_LOG_EXCERPT_BYTES ((size_t)(4 * KIB))
/* What unpacking may allocate beyond a multiple of the frame, so that a frame of empty parts
 * cannot grow a thousandfold. */
#define LIMIT_UNPACK_BYTES ((size_t)(32 * MIB))

/* --- Database --- */

/* Cells of a grid that get a row each, which is how a comparison knows of cells without a
 * result: nobody reads a table of more, and rows are 100 bytes. */
#define LIMIT_CELLS_STORED 20000

/* One array parameter of one batch: a turn's rows are bounded by credits, a submission's
 * look-ups by the tasks of a grid. */
#define LIMIT_SQL_ARRAY_BYTES ((size_t)(512 * MIB))
/* Tasks of the finished grids that a coordinator keeps in memory, unless one grid alone has more:
 * 300 bytes each. How many grids is configuration (finished-grids). */
#define LIMIT_TASKS_LOADED 2000000
/* Grids of one `assay ls`: those that are not in memory are loaded for it. */
#define LIMIT_GRIDS_LISTED 1000

/* Rows of one answer to the command line, which holds them in memory: about 100 MB. */
#define LIMIT_RESULT_ROWS 1000000

/* One line that says why an attempt or task ended: a sentence or the last log line. Kept in
 * memory while its task is not done. */
#define LIMIT_DETAIL 1024

/* --- Documents --- */

/* One line of JSONL. The longest pages of a web crawl are some MiB; a shard with longer lines
 * is not what it says it is. Text offsets have 32 bits. */
#define LIMIT_DOCUMENT_BYTES ((size_t)(128 * MIB))
/* Nesting of one document's metadata; it is only walked over, with one bit a level. */
#define LIMIT_DOCUMENT_DEPTH 512
/* Lines of a pool that may be no documents: a crawl has a few broken ones, a wrong file has
 * many. */
#define LIMIT_MALFORMED_SHARE 0.001

#endif
