-- SPDX-License-Identifier: Apache-2.0
-- What garbage collection goes by: grids that are no longer kept, pins, and trees that are doomed (docs/operations.md, Storage).
SET LOCAL search_path = assay, pg_catalog;

ALTER TABLE grid ADD COLUMN kept bool NOT NULL DEFAULT true;

-- Of a grid (task_id 0), a task, or a tree.
CREATE TABLE pin (
    grid_id int4 NOT NULL,
    task_id int8 NOT NULL,
    digest  bytea NOT NULL,                    -- empty: of a grid or task
    note    text NOT NULL,
    owner   text NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (grid_id, task_id, digest)
);

-- Trees that nothing wants. Whoever plans with one takes its row away, in the transaction that stores the plan; `condemned` comes after the
-- grace: from then on look-ups do not answer with it, and its files go when it still stands.
CREATE TABLE doomed (
    digest    bytea PRIMARY KEY,
    bytes     int8 NOT NULL,
    since     timestamptz NOT NULL,
    condemned bool NOT NULL DEFAULT false
);
