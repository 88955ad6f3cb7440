-- SPDX-License-Identifier: Apache-2.0
-- An attempt is accepted once, for one key: its id alone names its result, and an index on a rising number costs a fraction of one
-- on a digest. By key there is one current result, which `result_current` finds.
SET LOCAL search_path = assay, pg_catalog;

ALTER TABLE result DROP CONSTRAINT result_pkey;
ALTER TABLE result ADD PRIMARY KEY (attempt_id);

-- The audit is written once and seldom read: it is packed quickly, or not at all where the server cannot.
DO $$
BEGIN
    ALTER TABLE event ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN OTHERS THEN
    ALTER TABLE event ALTER COLUMN body SET STORAGE EXTERNAL;
END $$;
