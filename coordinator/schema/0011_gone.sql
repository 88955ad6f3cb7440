-- SPDX-License-Identifier: Apache-2.0
-- Results of which an output is not in the artifact store any more. Such a result stays what it is to the grids that have it, metrics
-- too, and current until its key has another; look-ups do not find it.
SET LOCAL search_path = assay, pg_catalog;

ALTER TABLE result ADD COLUMN gone bool NOT NULL DEFAULT false;
CREATE INDEX result_gone ON result (key) WHERE gone AND current;
CREATE INDEX output_digest ON output (digest);
