# SPDX-License-Identifier: Apache-2.0
assay_fuzz_target(fuzz_jsonl SOURCES fuzz_jsonl.c LINKS assay_curation CORPUS corpus/jsonl)
assay_fuzz_target(fuzz_tokenizer SOURCES fuzz_tokenizer.c LINKS assay_curation CORPUS corpus/tokenizer)
