#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What bench/peers/ says to the library through ctypes, against the formulas in NumPy: the descriptors that it reads from
# the headers are those that the library was compiled with. PyTorch and onnxruntime take no part.
#
#     tests/peers.sh SOURCE_DIR LIBGEMMULE       skipped where no Python has a NumPy
set -euo pipefail

python=
for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import numpy' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [[ ! $python ]]; then
    echo "skipped: no python3 has NumPy (python3-numpy)"
    exit 77
fi

PYTHONPATH=$1/bench/peers PYTHONDONTWRITEBYTECODE=1 "$python" - "$2" <<'END'
import sys

import numpy as np
from gemmule import Gemmule

ours = Gemmule(sys.argv[1], 2, None)
random = np.random.default_rng(1)


def uniform(*shape):
    return random.random(shape, np.float32) * 2 - 1


def softmax(t, axis):
    e = np.exp(t - t.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def expect(name, result, wanted):
    if not np.allclose(result, wanted, rtol=1e-5, atol=1e-6):
        sys.exit(f"{name}: off by {np.abs(result - wanted).max()}")


for columns, rows in ((50, 7), (4, 3)):
    x = uniform(rows, columns)
    for axis in (0, 1):
        y = np.full_like(x, np.nan)
        ours.softmax(x, y, axis)()
        expect(f"softmax along axis {axis}", y, softmax(x, axis))

batch, heads, kv_heads, q_len, kv_len, dim, v_dim = 2, 6, 2, 5, 40, 12, 9
q, k, v = uniform(batch, heads, q_len, dim), uniform(batch, kv_heads, kv_len, dim), uniform(batch, kv_heads, kv_len, v_dim)
o = np.full((batch, heads, q_len, v_dim), np.nan, np.float32)
keep, bias, slopes = uniform(q_len, kv_len) < 0.75, uniform(q_len, kv_len), uniform(heads) + 1
at, key = np.arange(q_len)[:, None] + kv_len - q_len, np.arange(kv_len)
seen = keep & (key <= at) & (key > at - 16)
t = np.einsum("bhid,bhjd->bhij", q, k.repeat(heads // kv_heads, 1)) / np.sqrt(dim)
t = 3 * np.tanh(t / 3) - slopes[:, None, None] * np.abs(at - key) + bias
sinks = np.broadcast_to(slopes[:, None, None], (batch, heads, q_len, 1))
weights = softmax(np.concatenate((np.where(seen, t, -np.inf), sinks), -1), -1)[..., :-1]
ours.attention(q, k, v, o, keep=keep, bias=bias, alibi=slopes, sinks=slopes, causal=True, window=16, softcap=3.0)()
expect("attention", o, weights @ v.repeat(heads // kv_heads, 1))
END
