-- SPDX-License-Identifier: Apache-2.0
-- What a worker offers besides amounts: labels (facts about the node) and named counters.
SET LOCAL search_path = assay, pg_catalog;

ALTER TABLE worker
    ADD COLUMN labels   jsonb NOT NULL DEFAULT '[]',   -- ["a100", "zone=b"]
    ADD COLUMN counters jsonb NOT NULL DEFAULT '{}';   -- {"licence": 2}
