-- SPDX-License-Identifier: Apache-2.0
-- An attempt that waited at its worker and was handed back before it began.
SET LOCAL search_path = assay, pg_catalog;

INSERT INTO attempt_outcome VALUES (12, 'retracted');
