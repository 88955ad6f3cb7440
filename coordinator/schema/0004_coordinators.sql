-- SPDX-License-Identifier: Apache-2.0
-- Who leads and who stands by, so that workers and clients can be told where else to look. Written by every coordinator for itself every
-- few seconds; no state depends on it.
SET LOCAL search_path = assay, pg_catalog;

CREATE TABLE coordinator (
    endpoint text PRIMARY KEY,
    holder   text NOT NULL,                    -- host:pid, for people
    seen_at  timestamptz NOT NULL
);
