# SPDX-License-Identifier: Apache-2.0
assay_fuzz_target(fuzz_wire SOURCES fuzz_wire.c LINKS assay_proto CORPUS corpus/wire)
