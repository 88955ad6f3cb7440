-- SPDX-License-Identifier: Apache-2.0
-- Each rank of a gang has a placement with an end and a log of its own; of an ordinary attempt the attempt's row has them.

SET LOCAL search_path = assay, pg_catalog;

ALTER TABLE placement
    ADD COLUMN outcome     int2 NOT NULL DEFAULT 0,
    ADD COLUMN exit_status int4 NOT NULL DEFAULT 0,
    ADD COLUMN log         bytea;                  -- blob digest
