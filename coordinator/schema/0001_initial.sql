-- SPDX-License-Identifier: Apache-2.0
-- Rows are the truth; `event` is an audit written in the same transaction. Every transaction of a coordinator begins by moving
-- leader.batch (fence and idempotence in one). No index on a column that changes in `task` (HOT updates).
-- Codes of states and outcomes are those of coordinator/core (append only); the views turn them into words.

CREATE SCHEMA IF NOT EXISTS assay;
SET LOCAL search_path = assay;

CREATE TABLE leader (
    id           int2 PRIMARY KEY CHECK (id = 1),
    cluster      text NOT NULL,                -- a random name, so that a worker never talks to another cluster's coordinator
    epoch        int8 NOT NULL,
    batch        int8 NOT NULL,
    holder       text NOT NULL,                -- host:pid, for people
    endpoint     text NOT NULL,
    renewed_at   timestamptz NOT NULL,
    backend_pid  int4 NOT NULL,
    attempt_high int8 NOT NULL DEFAULT 0,      -- no attempt id above this was ever handed out
    clock_ms     int8 NOT NULL DEFAULT 0       -- the core's time, never going back
);

CREATE TABLE grid (
    grid_id       int4 PRIMARY KEY,
    submission_id uuid NOT NULL UNIQUE,
    name          text NOT NULL,
    about         text NOT NULL DEFAULT '',
    owner         text NOT NULL,
    state         int2 NOT NULL,               -- 0 running, 1 finished, 2 cancelled
    verdict       int2,                        -- task state code of the worst wanted row
    submitted_at  timestamptz NOT NULL,
    finished_at   timestamptz,
    bundle        bytea NOT NULL,              -- digest of the submitted tree
    grid_text     text NOT NULL,               -- after --set edits
    sets          jsonb NOT NULL DEFAULT '[]',
    plan_version  int4 NOT NULL,
    plan          bytea NOT NULL,              -- zstd of plan_encode
    tasks_count   int4 NOT NULL,
    compare       jsonb,                       -- the compare block, for the command line
    decontaminate bool NOT NULL DEFAULT true,
    note          text NOT NULL DEFAULT ''
);
CREATE INDEX grid_name ON grid (name, grid_id);

-- Metrics that a grid's programs declare: direction and unit for compare.
CREATE TABLE grid_metric (
    grid_id int4 NOT NULL,
    stage   text NOT NULL,
    name    text NOT NULL,
    better  int2 NOT NULL,                     -- 0 lower, 1 higher, 2 neither
    unit    text NOT NULL DEFAULT '',
    take    int2 NOT NULL DEFAULT 0,           -- 0 last, 1 min, 2 max, 3 mean
    PRIMARY KEY (grid_id, stage, name)
);

-- The wanted cells' points of a grid, so that N/A is visible in SQL too.
CREATE TABLE grid_cell (
    grid_id int4 NOT NULL,
    cell    int4 NOT NULL,
    point   jsonb NOT NULL,
    PRIMARY KEY (grid_id, cell)
);

-- Written at a task's outcome, after a second of running, or when a user's control first touches it. A task without a row waits or is ready.
CREATE TABLE task (
    task_id    int8 PRIMARY KEY,               -- grid_id << 32 | ordinal
    state      int2 NOT NULL,
    failures   int4 NOT NULL DEFAULT 0,        -- own failures so far
    strikes    int4 NOT NULL DEFAULT 0,        -- workers that it took down
    wanted     bool NOT NULL DEFAULT true,     -- false: cancelled or skipped by its row's control
    cached     bool NOT NULL DEFAULT false,
    key        bytea,                          -- content key, once known
    same_as    int8,                           -- canonical task when another row computed it
    reason     text NOT NULL DEFAULT '',
    stage      text NOT NULL,
    name       text NOT NULL,
    point      jsonb NOT NULL,                 -- {axis: point id}
    helper     bool NOT NULL,
    changed_at timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE attempt (
    attempt_id  int8 PRIMARY KEY,              -- the fence
    task_id     int8 NOT NULL,
    worker      text NOT NULL,
    host        text NOT NULL DEFAULT '',
    principal   text NOT NULL DEFAULT '',      -- key that it was leased to
    outcome     int2 NOT NULL,                 -- 0 still running when written
    accepted    bool NOT NULL DEFAULT false,
    exit_status int4,
    exit_signal int4,
    message     text NOT NULL DEFAULT '',
    leased_at   timestamptz,
    started_at  timestamptz,
    finished_at timestamptz,
    wall_ms     int8, user_ms int8, system_ms int8, rss_bytes int8, read_bytes int8, written_bytes int8,
    log         bytea,                         -- blob digest
    log_bytes   int8,
    log_tail    text NOT NULL DEFAULT ''
) WITH (fillfactor = 80);
CREATE INDEX attempt_task ON attempt (task_id);

CREATE TABLE placement (
    attempt_id int8 NOT NULL,
    rank       int4 NOT NULL,
    worker     text NOT NULL,
    devices    int4[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (attempt_id, rank)
);

-- One packed row per batch that granted leases: (attempt, task, worker) triples; read only at start.
CREATE TABLE lease (
    epoch int8 NOT NULL,
    batch int8 NOT NULL,
    body  bytea NOT NULL,
    PRIMARY KEY (epoch, batch)
);

-- What is accepted. Exactly one row per key is current.
CREATE TABLE result (
    key        bytea NOT NULL CHECK (octet_length(key) = 32),
    attempt_id int8 NOT NULL,
    task_id    int8 NOT NULL,
    current    bool NOT NULL,
    differs    bool NOT NULL DEFAULT false,    -- computed again with other bytes than the current one
    program    text NOT NULL,
    version    int4 NOT NULL,
    revision   text NOT NULL,
    components jsonb NOT NULL,                 -- of the key, for explain
    decision   jsonb,
    wall_ms    int8,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (key, attempt_id)
);
CREATE UNIQUE INDEX result_current ON result (key) WHERE current;

CREATE TABLE result_output (
    key        bytea NOT NULL,
    attempt_id int8 NOT NULL,
    position   int2 NOT NULL,
    name       text NOT NULL,
    kind       text NOT NULL,
    digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
    bytes      int8 NOT NULL,
    PRIMARY KEY (key, attempt_id, position)
);

-- Look-ups only: plan keys and output keys to what they stand for.
CREATE TABLE plan_result (plan_key bytea PRIMARY KEY, key bytea NOT NULL);
CREATE TABLE output (output_key bytea PRIMARY KEY, digest bytea NOT NULL, key bytea NOT NULL);

-- Lineage: which accepted attempt read what.
CREATE TABLE attempt_input (
    attempt_id int8 NOT NULL,
    name       text NOT NULL,
    position   int4 NOT NULL,
    digest     bytea NOT NULL,
    source     text NOT NULL DEFAULT '',       -- task name or input name
    PRIMARY KEY (attempt_id, name, position)
);

CREATE TABLE artifact (digest bytea PRIMARY KEY, bytes int8 NOT NULL, state int2 NOT NULL DEFAULT 0, created_at timestamptz NOT NULL);

CREATE TABLE metric_name (name_id int4 PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE metric_tag (tag_id int4 PRIMARY KEY, tag text NOT NULL UNIQUE);
CREATE TABLE metric (
    attempt_id int8 NOT NULL,
    position   int8 NOT NULL,                  -- byte offset of its line in metrics.jsonl: makes writing it again harmless
    name_id    int4 NOT NULL,
    tag_id     int4 NOT NULL,
    step       int8 NOT NULL,
    value      float8 NOT NULL,
    PRIMARY KEY (attempt_id, position)
);
CREATE TABLE metric_offset (attempt_id int8 PRIMARY KEY, bytes int8 NOT NULL) WITH (fillfactor = 50);

CREATE TABLE worker (
    worker    text PRIMARY KEY,
    principal text NOT NULL,
    host      text NOT NULL,
    state     int2 NOT NULL,
    resources jsonb NOT NULL,
    version   text NOT NULL,
    seen_at   timestamptz NOT NULL
);

CREATE TABLE event (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    grid_id int4 NOT NULL,                     -- 0: the cluster's own
    epoch   int8 NOT NULL,
    batch   int8 NOT NULL,
    at      timestamptz NOT NULL,
    body    jsonb NOT NULL                     -- list of {kind, task, ...}
);
CREATE INDEX event_grid ON event (grid_id, seq);

CREATE TABLE program_revision (
    name     text NOT NULL,
    version  int4 NOT NULL,
    files    bytea NOT NULL,
    revision text NOT NULL,
    since    timestamptz NOT NULL,
    PRIMARY KEY (name, version, files)
);

-- Words for codes.
CREATE TABLE task_state (code int2 PRIMARY KEY, word text NOT NULL);
INSERT INTO task_state VALUES (0,'waiting'),(1,'held'),(2,'ready'),(3,'leased'),(4,'running'),(5,'done'),(6,'failed'),(7,'cancelled'),(8,'skipped');
CREATE TABLE attempt_outcome (code int2 PRIMARY KEY, word text NOT NULL);
INSERT INTO attempt_outcome VALUES (0,'running'),(1,'done'),(2,'failed'),(3,'again'),(4,'memory'),(5,'time'),(6,'signal'),(7,'bad-output'),(8,'lost'),(9,'store'),(10,'cancelled'),(11,'preempted'),(12,'retracted');

-- For people. One row per accepted metric value of a wanted task: visible only through the accepted, current attempt (I1).
CREATE VIEW results AS
SELECT g.name AS grid, g.grid_id, t.task_id, t.stage, t.point,
       t.point->>'variant' AS variant, t.point->>'scale' AS scale, (t.point->>'seed') AS seed,
       n.name AS metric, mt.tag, m.step, m.value, r.attempt_id, t.cached
FROM task t
JOIN grid g ON g.grid_id = (t.task_id >> 32)::int4
JOIN result r ON r.key = t.key AND r.current
JOIN metric m ON m.attempt_id = r.attempt_id
JOIN metric_name n ON n.name_id = m.name_id
JOIN metric_tag mt ON mt.tag_id = m.tag_id
WHERE t.state = 5 AND NOT t.helper;

-- One row per task row of a stage's points.
CREATE VIEW cells AS
SELECT g.name AS grid, g.grid_id, t.task_id, t.stage, t.name AS task, t.point, s.word AS state, t.cached, t.reason, t.failures,
       a.attempt_id, a.worker, a.wall_ms, a.user_ms, a.rss_bytes, t.changed_at
FROM task t
JOIN grid g ON g.grid_id = (t.task_id >> 32)::int4
JOIN task_state s ON s.code = t.state
LEFT JOIN result r ON r.key = t.key AND r.current
LEFT JOIN attempt a ON a.attempt_id = r.attempt_id
WHERE NOT t.helper;

-- Which artifact was read by which accepted attempt, and who made it.
CREATE VIEW lineage AS
SELECT g.name AS grid, g.grid_id, t.name AS task, r.attempt_id, i.name AS input, i.position, encode(i.digest, 'hex') AS digest, i.source,
       o.name AS output, encode(o.digest, 'hex') AS output_digest
FROM task t
JOIN grid g ON g.grid_id = (t.task_id >> 32)::int4
JOIN result r ON r.key = t.key AND r.current
JOIN attempt_input i ON i.attempt_id = r.attempt_id
LEFT JOIN result_output o ON o.key = r.key AND o.attempt_id = r.attempt_id;
