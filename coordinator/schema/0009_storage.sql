-- SPDX-License-Identifier: Apache-2.0
-- Written once, read at a start or never: not worth the time that the server's compression takes.
SET LOCAL search_path = assay, pg_catalog;

ALTER TABLE lease ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE grid ALTER COLUMN plan SET STORAGE EXTERNAL;  -- is a zstd frame
