-- SPDX-License-Identifier: Apache-2.0
-- What scheduling policy keeps: priorities and pauses that users gave, what owners have used. Amounts and ages, never times.

SET LOCAL search_path = assay, pg_catalog;

ALTER TABLE grid ADD COLUMN priority int4 NOT NULL DEFAULT 0, ADD COLUMN paused bool NOT NULL DEFAULT false;

-- Of those tasks that have any of it; few do.
CREATE TABLE task_policy (
    task_id     int8 PRIMARY KEY,
    priority    int4,                          -- that a user gave it; NULL: none
    ooms        int4 NOT NULL,                 -- failures by memory, each of which lets the next attempt ask for more
    preemptions int4 NOT NULL                  -- how often it gave way to others
);

CREATE TABLE usage (
    owner        text PRIMARY KEY,
    usage        int8 NOT NULL,                -- milli-core-milliseconds, decayed
    decay_age_ms int8 NOT NULL,
    slice_age_ms int8 NOT NULL,
    slices       int8[] NOT NULL               -- thousandths of device-milliseconds, newest slice first
);
