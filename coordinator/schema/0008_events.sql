-- SPDX-License-Identifier: Apache-2.0
-- Events for people, one a row: `event` holds them packed, one row per (batch, grid) (docs/formats.md section 6). Rows of older releases, an
-- object per event, are read too.
SET LOCAL search_path = assay, pg_catalog;

CREATE VIEW events AS
SELECT e.grid_id, e.seq, (run.n << 32) + item.n AS position, e.epoch, e.batch,
       e.at + coalesce((item.v ->> 4)::int8, 0) * interval '1 ms' AS at,
       run.v ->> 'kind' AS kind,
       e.grid_id::int8 << 32 | (item.v ->> 0)::int8 AS task_id,
       nullif((item.v ->> 1)::int8, 0) AS attempt_id,
       nullif((item.v ->> 2)::int4, 0) AS worker_id,
       coalesce((item.v ->> 3)::int8, 0) AS value
  FROM event e
 CROSS JOIN LATERAL jsonb_array_elements(e.body) WITH ORDINALITY AS run (v, n)
 CROSS JOIN LATERAL jsonb_array_elements(
       CASE WHEN run.v ? 'of' THEN run.v -> 'of'
            ELSE jsonb_build_array(jsonb_build_array((run.v ->> 'task')::int8 & 4294967295, (run.v ->> 'attempt')::int8,
                 (run.v ->> 'worker')::int8, (run.v ->> 'value')::int8,
                 (run.v ->> 'at_ms')::int8 - (extract(epoch FROM e.at) * 1000)::int8)) END) WITH ORDINALITY AS item (v, n);
