-- SPDX-License-Identifier: Apache-2.0
-- A large plan is stored in slices, so that no statement holds all of it: the first in the grid's row, further ones here.
SET LOCAL search_path = assay, pg_catalog;

CREATE TABLE grid_plan (
    grid_id int4 NOT NULL,
    part    int4 NOT NULL,                     -- from 1
    body    bytea NOT NULL,                    -- follows what the grid's row and the parts before it hold
    PRIMARY KEY (grid_id, part)
);
