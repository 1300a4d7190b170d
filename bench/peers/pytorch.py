# SPDX-License-Identifier: BSD-3-Clause
"""PyTorch: its scaled_dot_product_attention, the same composed of matmul and softmax, and its softmax."""
import math

import numpy
import torch
from torch.nn.functional import scaled_dot_product_attention

VERSION = f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
SCORE_BYTES = 1 << 29  # that the composition may store


def set_threads(threads):
    torch.set_num_threads(threads)


def mask_of(problem, tensors):
    """Whatever masks and biases there are as one tensor: booleans where nothing is added, else numbers; or None."""
    q_len, kv_len = problem["q_len"], problem["kv_len"]
    keep, added = tensors.get("keep"), tensors.get("bias")
    position = numpy.arange(q_len)[:, None] + (kv_len - q_len)
    key = numpy.arange(kv_len)[None, :]
    if problem["causal"] and (q_len != kv_len or problem["window_left"] or problem["alibi"]) and q_len > 1:
        keep = (key <= position) if keep is None else keep & (key <= position)
    if problem["window_left"]:
        inside = key > position - problem["window_left"]
        keep = inside if keep is None else keep & inside
    if problem["alibi"]:
        added = -tensors["alibi"][:, None, None] * numpy.abs(position - key).astype(numpy.float32)
    if added is None:
        return None if keep is None else torch.from_numpy(numpy.ascontiguousarray(keep, dtype=bool))
    if keep is not None:
        added = numpy.where(keep, added, -numpy.inf)
    return torch.from_numpy(numpy.ascontiguousarray(added, dtype=numpy.float32))


def tensors_of(problem, tensors):
    q, k = torch.from_numpy(tensors["q"]), torch.from_numpy(tensors["k"])
    v = k[..., : problem["v_head_dim"]] if problem["absorbed"] else torch.from_numpy(tensors["v"])
    return q, k, v


def fused(problem, tensors):
    """None where it has no such thing."""
    if problem["softcap"] or problem["sinks"]:
        return None
    q, k, v = tensors_of(problem, tensors)
    mask = mask_of(problem, tensors)
    causal = bool(problem["causal"] and mask is None and problem["q_len"] > 1)
    grouped = problem["heads"] != problem["kv_heads"]

    def run():
        return scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=grouped)

    return run, lambda o: o.numpy()


def composed(problem, tensors):
    """What is written without it: matmul, softmax, matmul, with the groups of query heads as rows of one product."""
    batch, heads, q_len, dim = tensors["q"].shape
    kv_heads, kv_len = problem["kv_heads"], problem["kv_len"]
    if 4 * batch * heads * q_len * kv_len > SCORE_BYTES:
        return None
    q, k, v = tensors_of(problem, tensors)
    mask = mask_of(dict(problem, causal=False) if q_len == 1 else problem, tensors)
    if mask is None and problem["causal"] and q_len > 1:
        mask = torch.ones(q_len, kv_len, dtype=torch.bool).tril(kv_len - q_len)
    hidden = ~mask if mask is not None and mask.dtype == torch.bool else None
    sinks = torch.from_numpy(tensors["sinks"])[None, :, None, None].expand(batch, heads, q_len, 1) if problem["sinks"] else None
    rows = q.reshape(batch, kv_heads, heads // kv_heads * q_len, dim)
    scale, cap, keys = 1 / math.sqrt(dim), problem["softcap"], k.transpose(-1, -2)

    def run():
        scores = torch.matmul(rows, keys).mul_(scale).view(batch, heads, q_len, kv_len)
        if cap:
            scores.div_(cap).tanh_().mul_(cap)
        if hidden is not None:
            scores.masked_fill_(hidden, -math.inf)
        elif mask is not None:
            scores.add_(mask)
        if sinks is not None:
            weights = torch.softmax(torch.cat((scores, sinks), -1), -1)[..., :-1]
        else:
            weights = torch.softmax(scores, -1)
        return torch.matmul(weights.reshape(batch, kv_heads, -1, kv_len), v)

    return run, lambda o: o.reshape(batch, heads, q_len, -1).numpy()


def softmax(x, axis):
    x, y = torch.from_numpy(x), torch.empty(x.shape)

    def run():
        return torch.softmax(x, axis, out=y)

    return run, lambda o: o.numpy()


ATTENTION = {"torch": fused, "torch-composed": composed}
