# SPDX-License-Identifier: Apache-2.0
"""Named tensors in one file, in the safetensors layout: 8 bytes header length (little endian), a JSON header with dtype, shape
and byte range of each tensor, then the bytes. Equal tensors give equal bytes (names sorted), nothing in it is executed on
reading, and other tools read it. float32, int64 and uint8 only: what checkpoints of these programs hold.
"""
import json
import os
import struct

import numpy as np
import torch

DTYPES = {"F32": "<f4", "I64": "<i8", "U8": "|u1"}
NAMES = {torch.float32: "F32", torch.int64: "I64", torch.uint8: "U8"}
HEADER_BYTES_MAX = 16 << 20


def save(path, tensors):
    """Writes the file with fsync; `tensors` maps names to tensors. An existing file is replaced."""
    header, offset, arrays = {}, 0, []
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        array = tensor.numpy()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
        arrays.append(array)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays:
            file.write(array.tobytes())
        file.flush()
        os.fsync(file.fileno())


def load(path):
    """Reads all tensors; raises ValueError when the file does not hold what its header says."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack_from("<Q", data) if len(data) >= 8 else (HEADER_BYTES_MAX + 1,)
    if length > HEADER_BYTES_MAX or 8 + length > len(data):
        raise ValueError("%s: not a safetensors file" % path)
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        dtype = np.dtype(DTYPES[entry["dtype"]])
        if not 0 <= first <= last <= len(data) - 8 - length or last - first != dtype.itemsize * int(np.prod(entry["shape"])):
            raise ValueError("%s: tensor '%s' does not fit the file" % (path, name))
        array = np.frombuffer(data, dtype, (last - first) // dtype.itemsize, 8 + length + first)
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return tensors
