-- SPDX-License-Identifier: Apache-2.0
-- Where the newest checkpoint of a task's attempts lies, so that the next one may go on from it on another worker.

SET LOCAL search_path = assay, pg_catalog;

ALTER TABLE task_policy ADD COLUMN checkpoint text NOT NULL DEFAULT '', ADD COLUMN checkpoint_attempt int8 NOT NULL DEFAULT 0;
