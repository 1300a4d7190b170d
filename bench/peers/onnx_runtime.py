# SPDX-License-Identifier: BSD-3-Clause
"""onnxruntime: the ONNX operator Attention, its own MultiHeadAttention and GroupQueryAttention, and Softmax.

Each is a model of one node, whose inputs and outputs are bound to memory once.
"""
import numpy
import onnxruntime
from onnx import TensorProto, helper

from pytorch import SCORE_BYTES, mask_of

VERSION = f"onnxruntime {onnxruntime.__version__}"
OPSET, OPSET_MICROSOFT = 23, 1
options = onnxruntime.SessionOptions()
onnxruntime.set_default_logger_severity(4)


def set_threads(threads):
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4


def value(array):
    return onnxruntime.OrtValue.ortvalue_from_numpy(numpy.ascontiguousarray(array))


def node(operator, inputs, outputs, domain="", shared=(), **attributes):
    """A runner of one node. inputs: name to array, or None for one that is left out; outputs: name to shape; shared:
    pairs of an output and the input that has its memory."""
    given = {name: array for name, array in inputs.items() if array is not None}
    kinds = {"float32": TensorProto.FLOAT, "bool": TensorProto.BOOL, "int32": TensorProto.INT32}
    graph = helper.make_graph(
        [helper.make_node(operator, [name if name in given else "" for name in inputs], list(outputs), domain=domain,
                          **attributes)], "node",
        [helper.make_tensor_value_info(name, kinds[str(a.dtype)], a.shape) for name, a in given.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()])
    model = helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", OPSET_MICROSOFT)])
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = {name: value(array) for name, array in given.items()}
    values.update({name: values[source] for name, source in shared})
    for name, shape in outputs.items():
        if name not in values:
            values[name] = value(numpy.zeros(shape, numpy.float32))
    binding = session.io_binding()
    for name in given:
        binding.bind_ortvalue_input(name, values[name])
    for name in outputs:
        binding.bind_ortvalue_output(name, values[name])
    first = next(iter(outputs))

    def run():
        session.run_with_iobinding(binding)
        return values[first]

    return run


def v_of(problem, tensors):
    return tensors["k"][..., : problem["v_head_dim"]] if problem["absorbed"] else tensors["v"]


def tokens_first(x):
    """[batch][head][token][dim] as [batch][token][head * dim]."""
    return numpy.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(x.shape[0], x.shape[2], -1)


def heads_first(problem):
    def result(o):
        shape = (problem["batch"], problem["q_len"], problem["heads"], problem["v_head_dim"])
        return o.numpy().reshape(shape).transpose(0, 2, 1, 3)

    return result


def attention(problem, tensors):
    if problem["sinks"]:
        return None
    mask = mask_of(problem, tensors)
    causal = int(bool(problem["causal"]) and mask is None and problem["q_len"] > 1)
    v = v_of(problem, tensors)
    shape = (*tensors["q"].shape[:3], problem["v_head_dim"])
    inputs = {"q": tensors["q"], "k": tensors["k"], "v": v, "mask": None if mask is None else mask.numpy()}
    return node("Attention", inputs, {"o": shape}, is_causal=causal, softcap=float(problem["softcap"])), lambda o: o.numpy()


def multi_head(problem, tensors):
    if problem["sinks"] or problem["softcap"] or problem["heads"] != problem["kv_heads"] or problem["absorbed"]:
        return None
    if problem["window_left"] and 4 * problem["q_len"] * problem["kv_len"] > SCORE_BYTES:
        return None  # its mask is of numbers
    causal = bool(problem["causal"]) and problem["q_len"] > 1
    mask = mask_of(dict(problem, causal=False) if problem["q_len"] == problem["kv_len"] and not problem["window_left"]
                   else problem, tensors)
    if mask is not None:
        mask = mask.numpy()
        if mask.dtype == bool:
            mask = numpy.where(mask, numpy.float32(0), numpy.finfo(numpy.float32).min)
        mask = mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
    inputs = {"q": tokens_first(tensors["q"]), "k": tokens_first(tensors["k"]), "v": tokens_first(v_of(problem, tensors)),
              "bias": None, "key_padding_mask": None, "attention_bias": mask}
    shape = (problem["batch"], problem["q_len"], problem["heads"] * problem["v_head_dim"])
    run = node("MultiHeadAttention", inputs, {"o": shape}, domain="com.microsoft", num_heads=problem["heads"],
               unidirectional=int(causal and problem["q_len"] == problem["kv_len"]))
    return run, heads_first(problem)


def group_query(problem, tensors):
    """Causal only. Where there are more keys than queries the others are its past, in a cache that it adds to."""
    causal = problem["causal"] or problem["q_len"] == 1
    if not causal or problem["keep"] or problem["bias"] or problem["alibi"] or problem["head_dim"] != problem["v_head_dim"]:
        return None
    new, keys = problem["q_len"], problem["kv_len"]
    k, v = tensors["k"], v_of(problem, tensors)
    past = keys > new
    inputs = {"q": tokens_first(tensors["q"]), "k": tokens_first(k[:, :, keys - new:]), "v": tokens_first(v[:, :, keys - new:]),
              "past_k": k if past else None, "past_v": v if past else None,
              "last": numpy.full(problem["batch"], keys - 1, numpy.int32), "total": numpy.array([keys], numpy.int32),
              "cos": None, "sin": None, "position": None, "attention_bias": None, "sink": tensors.get("sinks")}
    if inputs["sink"] is None:
        del inputs["sink"]
    shape = (problem["batch"], new, problem["heads"] * problem["v_head_dim"])
    outputs = {"o": shape, "present_k": k.shape, "present_v": v.shape}
    run = node("GroupQueryAttention", inputs, outputs, domain="com.microsoft",
               shared=(("present_k", "past_k"), ("present_v", "past_v")) if past else (), num_heads=problem["heads"],
               kv_num_heads=problem["kv_heads"], softcap=float(problem["softcap"]),
               local_window_size=problem["window_left"] or -1)
    return run, heads_first(problem)


def softmax(x, axis):
    return node("Softmax", {"x": x}, {"y": x.shape}, axis=axis), lambda y: y.numpy()


ATTENTION = {"ort-attention": attention, "ort-mha": multi_head, "ort-gqa": group_query}
