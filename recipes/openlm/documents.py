# SPDX-License-Identifier: Apache-2.0
"""Documents as a Python program reads them: a `documents` folder (shards of a pool) or a `text` tree (docs/formats.md).

Row i is the i-th line that is not blank, over all shards in order; a line that is `null` or holds no document is a row whose
document is not there. Columns that a curation step writes must have one entry for every row.
"""
import json
import os
import subprocess

from task import TaskError

DECOMPRESS = {".zst": ["zstd", "-dcq"], ".gz": ["gzip", "-dc"]}


class Documents:
    def __init__(self, folder):
        self.folder = folder
        for name, key in (("documents.json", "assay_documents"), ("text.json", "assay_text")):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    self.about = json.load(file)
                if self.about.get(key) != 1:
                    raise TaskError("%s has version %r, this program reads 1" % (path, self.about.get(key)))
                break
        else:
            raise TaskError("%s has neither documents.json nor text.json" % folder)
        self.text = self.about.get("text", "text")

    def shards(self):
        """(path, source) of each file in order; source is the shard's path in the pool, "" for a rewritten text."""
        if "shards" in self.about:
            return [(shard["path"], shard["source"]) for shard in self.about["shards"]]
        return [("%04d.jsonl.zst" % group["group"], "") for group in self.about["groups"]]

    def rows(self):
        """Yields (fields or None, source) for every row; fields hold a string under `self.text`."""
        for path, source in self.shards():
            for line in read_lines(os.path.join(self.folder, path)):
                try:
                    fields = json.loads(line)
                except ValueError:
                    fields = None
                present = isinstance(fields, dict) and isinstance(fields.get(self.text), str)
                yield (fields if present else None), source

    def domain(self, fields, source):
        """By the pool's rule: a field, or a component of the shard's path, counted from 0, the file's without extensions."""
        rule = self.about.get("domain") or {}
        if "field" in rule:
            name = fields.get(rule["field"])
            return name if isinstance(name, str) else ""
        if "path" in rule:
            parts = source.split("/")
            parts[-1] = parts[-1].split(".")[0]
            return parts[rule["path"]] if rule["path"] < len(parts) else ""
        return ""


def read_lines(path):
    """Lines that are not blank, as bytes."""
    # Inputs are links, which zstd and gzip refuse to read unless they are forced.
    command = DECOMPRESS.get(os.path.splitext(path)[1], ["cat"]) + [os.path.realpath(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            if line.strip():
                yield line
    if process.returncode != 0:
        raise TaskError("cannot read %s: %s ended with status %d" % (path, command[0], process.returncode))
