-- SPDX-License-Identifier: Apache-2.0
-- Rows are the truth; `event` is an audit written in the same transaction. Every transaction of a coordinator begins by moving
-- leader.batch (fence and idempotence in one). No index on a column that changes in `task` (HOT updates).
-- Codes of states and outcomes are those of coordinator/core (append only); the views turn them into words.

CREATE SCHEMA IF NOT EXISTS assay;
SET LOCAL search_path = assay, pg_catalog;

CREATE TABLE leader (
    id           int2 PRIMARY KEY CHECK (id = 1),
    cluster      text NOT NULL,                -- a random name, so that a worker never talks to another cluster's coordinator
    epoch        int8 NOT NULL,
    batch        int8 NOT NULL,
    holder       text NOT NULL,                -- host:pid, for people
    endpoint     text NOT NULL,
    renewed_at   timestamptz NOT NULL,
    backend_pid  int4 NOT NULL,
    attempt_next int8 NOT NULL DEFAULT 1,      -- attempt ids below it may be in use
    clock_ms     int8 NOT NULL DEFAULT 0       -- the core's time, never going back
);

CREATE TABLE grid (
    grid_id       int4 PRIMARY KEY,
    submission_id uuid NOT NULL UNIQUE,
    name          text NOT NULL,
    about         text NOT NULL DEFAULT '',
    owner         text NOT NULL,
    state         int2 NOT NULL,               -- 0 active, 1 cancelling, 2 finished
    cancelled     bool NOT NULL,
    verdict       int2 NOT NULL,               -- 0 none, 1 done, 2 cancelled, 3 failed
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

-- Written at a task's outcome, after a failed attempt, after a second of running, or when a user's control first touches it. A task
-- without a row is waiting and untouched.
CREATE TABLE task (
    task_id       int8 PRIMARY KEY,            -- grid_id << 32 | ordinal
    state         int2 NOT NULL,
    reason        int2 NOT NULL,
    detail        text NOT NULL DEFAULT '',
    failures      int4 NOT NULL,               -- own failures so far
    losses        int4 NOT NULL,               -- workers that it took down
    soft_failures int4 NOT NULL,               -- consecutive ends that do not count against it
    backoff_ms    int8 NOT NULL,
    attempt_id    int8 NOT NULL,               -- done: whose result it is; else the last attempt, or 0
    key           bytea,                       -- content key, once known
    same_as       int8 NOT NULL,
    stage         text NOT NULL,
    name          text NOT NULL,
    point         jsonb NOT NULL,              -- {axis: point id}
    helper        bool NOT NULL,
    changed_at    timestamptz NOT NULL
) WITH (fillfactor = 70);

-- Written after a second of running (outcome 0) and at the end; again when a lost attempt reports after all.
CREATE TABLE attempt (
    attempt_id  int8 PRIMARY KEY,              -- the fence
    task_id     int8 NOT NULL,
    worker_id   int4 NOT NULL,
    outcome     int2 NOT NULL,
    accepted    bool NOT NULL,
    granted_at  timestamptz NOT NULL,
    started_at  timestamptz,
    finished_at timestamptz,
    exit_status int4 NOT NULL,
    detail      text NOT NULL DEFAULT '',
    log         bytea,                         -- blob digest
    wall_ms     int8 NOT NULL, user_ms int8 NOT NULL, system_ms int8 NOT NULL,
    memory_peak_bytes int8 NOT NULL, read_bytes int8 NOT NULL, written_bytes int8 NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX attempt_task ON attempt (task_id);

CREATE TABLE placement (
    attempt_id   int8 NOT NULL,
    rank         int4 NOT NULL,
    worker_id    int4 NOT NULL,
    devices      int8 NOT NULL,                -- bit set of whole devices
    share_device int4 NOT NULL,
    share_milli  int4 NOT NULL,
    PRIMARY KEY (attempt_id, rank)
);

-- One packed row per batch that granted leases (coordinator/store/lease_codec.h); read only at start.
CREATE TABLE lease (
    epoch        int8 NOT NULL,
    batch        int8 NOT NULL,
    attempt_last int8 NOT NULL,
    body         bytea NOT NULL,
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
    verdict    int2 NOT NULL,                  -- of a decision: 0 none, 1 go, 2 skip
    verdict_reason text NOT NULL DEFAULT '',
    wall_ms    int8 NOT NULL DEFAULT 0,
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

CREATE TABLE metric_name (name_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE metric_tag (tag_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tag text NOT NULL UNIQUE);
CREATE TABLE metric (
    attempt_id int8 NOT NULL,
    position   int8 NOT NULL,                  -- byte offset of its message + index: makes writing it again harmless
    name_id    int4 NOT NULL,
    tag_id     int4 NOT NULL,
    step       int8 NOT NULL,
    value      float8 NOT NULL,
    PRIMARY KEY (attempt_id, position)
);
CREATE TABLE metric_offset (attempt_id int8 PRIMARY KEY, bytes int8 NOT NULL) WITH (fillfactor = 50);

CREATE TABLE worker (
    worker_id  int4 PRIMARY KEY,
    name       text NOT NULL,
    principal  text NOT NULL,
    state      int2 NOT NULL,
    slots      int4 NOT NULL, cpus_milli int4 NOT NULL, gpus int4 NOT NULL, memory_bytes int8 NOT NULL, disk_bytes int8 NOT NULL,
    blame      int4 NOT NULL,
    detail     text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL,
    incarnation int8 NOT NULL, hello_number int8 NOT NULL, -- of the newest HELLO: an older one is refused
    UNIQUE (principal, name)
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

-- The first statement of every transaction: moves `batch` from n-1 to n for its epoch, or raises.
CREATE FUNCTION advance(p_epoch int8, p_batch int8, p_clock_ms int8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE assay.leader
       SET batch = p_batch, renewed_at = clock_timestamp(), clock_ms = greatest(clock_ms, p_clock_ms)
     WHERE id = 1 AND epoch = p_epoch AND batch = p_batch - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'epoch % does not lead, or batch % is not the next', p_epoch, p_batch USING ERRCODE = 'AS001';
    END IF;
END $$;

-- Words for codes (tests compare them with the code's own).
CREATE TABLE task_state (code int2 PRIMARY KEY, word text NOT NULL);
INSERT INTO task_state VALUES
    (0, 'waiting'), (1, 'held'), (2, 'ready'), (3, 'leased'), (4, 'running'), (5, 'done'), (6, 'failed'), (7, 'cancelled'),
    (8, 'skipped');
CREATE TABLE attempt_outcome (code int2 PRIMARY KEY, word text NOT NULL);
INSERT INTO attempt_outcome VALUES
    (0, 'running'), (1, 'done'), (2, 'again'), (3, 'revoked'), (4, 'preempted'), (5, 'lost'), (6, 'store'), (7, 'failed'),
    (8, 'signal'), (9, 'memory'), (10, 'time-limit'), (11, 'bad-output');

-- For people. One row per metric value of an accepted, current result of a wanted task (I1).
CREATE VIEW results AS
SELECT g.name AS grid, g.grid_id, t.task_id, t.stage, t.point,
       t.point ->> 'variant' AS variant, t.point ->> 'scale' AS scale, t.point ->> 'seed' AS seed,
       n.name AS metric, mt.tag, m.step, m.value, r.attempt_id, t.reason = 1 AS cached
  FROM task t
  JOIN grid g ON g.grid_id = (t.task_id >> 32)::int4
  JOIN result r ON r.key = t.key AND r.current
  JOIN metric m ON m.attempt_id = r.attempt_id
  JOIN metric_name n ON n.name_id = m.name_id
  JOIN metric_tag mt ON mt.tag_id = m.tag_id
 WHERE t.state = 5 AND NOT t.helper;

-- One row per stored task row of a stage's points.
CREATE VIEW cells AS
SELECT g.name AS grid, g.grid_id, t.task_id, t.stage, t.name AS task, t.point, s.word AS state, t.reason = 1 AS cached, t.detail,
       t.failures, a.attempt_id, w.name AS worker, a.wall_ms, a.user_ms, a.memory_peak_bytes, t.changed_at
  FROM task t
  JOIN grid g ON g.grid_id = (t.task_id >> 32)::int4
  JOIN task_state s ON s.code = t.state
  LEFT JOIN attempt a ON a.attempt_id = t.attempt_id
  LEFT JOIN worker w ON w.worker_id = a.worker_id
 WHERE NOT t.helper;

-- Which artifact was read by which accepted attempt, and what came out.
CREATE VIEW lineage AS
SELECT g.name AS grid, g.grid_id, t.name AS task, r.attempt_id, i.name AS input, i.position, encode(i.digest, 'hex') AS digest,
       i.source, o.name AS output, encode(o.digest, 'hex') AS output_digest
  FROM task t
  JOIN grid g ON g.grid_id = (t.task_id >> 32)::int4
  JOIN result r ON r.key = t.key AND r.current
  LEFT JOIN attempt_input i ON i.attempt_id = r.attempt_id
  LEFT JOIN result_output o ON o.key = r.key AND o.attempt_id = r.attempt_id
 WHERE t.state = 5;
