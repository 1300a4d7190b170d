# SPDX-License-Identifier: BSD-3-Clause
"""Attention and softmax of libgemmule.so through ctypes; the descriptors are read from include/gemmule/."""
import ctypes
import re
from ctypes import byref, c_char_p, c_float, c_int32, c_int64, c_size_t, c_void_p, sizeof
from pathlib import Path

INCLUDE = Path(__file__).resolve().parents[2] / "include/gemmule"
TYPES = {"size_t": c_size_t, "int64_t": c_int64, "int32_t": c_int32, "float": c_float}
BOTTOM_RIGHT = 1  # GML_CAUSAL_BOTTOM_RIGHT


def structure(header, name):
    """The structure of that name in a header. What is not a number or an array of them is a pointer."""
    text = re.sub(r"/\*.*?\*/", "", (INCLUDE / header).read_text(), flags=re.S)
    fields = []
    for declaration in re.search(rf"struct {name} {{(.*?)}} {name};", text, re.S)[1].split(";")[:-1]:
        kind, members = re.fullmatch(r"\s*((?:const )?\w+) (.*)", declaration, re.S).groups()
        for member in members.split(","):
            pointer, name, count = re.fullmatch(r"\s*(\**)(\w+)(?:\[(\d+)\])?", member).groups()
            element = TYPES.get(kind, c_void_p) if not pointer else c_char_p if "char" in kind else c_void_p
            fields.append((name, element * int(count) if count else element))
    return type(name, (ctypes.Structure,), {"_fields_": fields})


ContextOptions = structure("context.h", "gml_context_options")
AttentionProblem = structure("attention.h", "gml_attention_problem")
SoftmaxProblem = structure("softmax.h", "gml_softmax_problem")


class Gemmule:
    """The library, and a context with a number of threads."""

    def __init__(self, path, threads, isa):
        self.library = ctypes.CDLL(path)
        self.library.gml_version.restype = c_char_p
        self.library.gml_context_isa.restype = c_char_p
        self.library.gml_context_isa.argtypes = [c_void_p]
        for function in ("gml_attention_f32", "gml_softmax_f32"):
            getattr(self.library, function).argtypes = [c_void_p, c_void_p]
        self.context = c_void_p()
        options = ContextOptions(size=sizeof(ContextOptions), threads=threads, isa=isa.encode() if isa else None)
        self.require(self.library.gml_context_create(byref(self.context), byref(options)))
        self.version = self.library.gml_version().decode()
        self.isa = self.library.gml_context_isa(self.context).decode()

    def require(self, status):
        if status:
            sentence = ctypes.create_string_buffer(256)
            self.library.gml_last_error(sentence, c_size_t(256))
            raise RuntimeError(sentence.value.decode())

    def call(self, function, problem):
        """What computes the problem; it keeps the descriptor alive."""
        run, context, where = getattr(self.library, function), self.context, byref(problem)
        self.require(run(context, where))
        return lambda: run(context, where)

    def attention(self, q, k, v, o, keep=None, bias=None, alibi=None, sinks=None, causal=False, window=0, softcap=0.0):
        """Arrays are [batch][head][token][dim]; keep and bias [query][key]."""
        problem = AttentionProblem(
            size=sizeof(AttentionProblem), batch=q.shape[0], heads=q.shape[1], kv_heads=k.shape[1], q_len=q.shape[2],
            kv_len=k.shape[2], head_dim=q.shape[3], v_head_dim=v.shape[3], causal=BOTTOM_RIGHT if causal else 0,
            window_left=window, softcap=softcap)
        for name, array in {"q": q, "k": k, "v": v, "o": o}.items():
            setattr(problem, name, array.ctypes.data)
            setattr(problem, name + "_stride", (c_int64 * 3)(*(s // 4 for s in array.strides[:3])))
        for name, array in {"keep": keep, "bias": bias}.items():
            if array is not None:
                setattr(problem, name, array.ctypes.data)
                setattr(problem, name + "_stride", (c_int64 * 4)(0, 0, array.shape[1], 1))
        for name, array in {"alibi": alibi, "sinks": sinks}.items():
            if array is not None:
                setattr(problem, name, array.ctypes.data)
        return self.call("gml_attention_f32", problem)

    def softmax(self, x, y, axis):
        """Of a matrix along its axis."""
        problem = SoftmaxProblem(
            size=sizeof(SoftmaxProblem), batch=1, rows=x.shape[1 - axis], cols=x.shape[axis], x=x.ctypes.data,
            x_stride=x.strides[1 - axis] // 4, x_col_stride=x.strides[axis] // 4, y=y.ctypes.data,
            y_stride=y.strides[1 - axis] // 4, y_col_stride=y.strides[axis] // 4)
        return self.call("gml_softmax_f32", problem)
