"""Trained policies as ONNX models: ``TrainedPolicy.to_onnx``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from wayside.learned import TrainedPolicy

OPSET, IR_VERSION = 17, 8
"""What runtimes from 2022 on understand."""

ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu"}


class _Graph:
    """Nodes in their order, each with one result, and the constants that they use."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        name = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def dense(self, x: str, tensors: dict[str, Any], layer: str) -> str:
        weight = self.constant(np.ascontiguousarray(tensors[f"{layer}.weight"].T))
        product = self.add("MatMul", [x, weight])
        return self.add("Add", [product, self.constant(tensors[f"{layer}.bias"])])


def model(policy: TrainedPolicy) -> onnx.ModelProto:
    """The model of :meth:`wayside.TrainedPolicy.to_onnx`.

    Raises:
        ValueError: a network of another architecture.
    """
    tensors, network, form = policy.state_dict(), policy.network, policy.form
    if "trunk.0.weight" not in tensors:
        raise ValueError("policy: must have Wayside's own architecture")
    heads = policy._native.heads
    graph = _Graph()
    logits = _logits(graph, tensors, network)
    width, outputs = network["row_width"], network["logits_per_row"]
    single = form in ("flat", "plan")
    shape: list[str | int] = ["batch", width] if single else ["batch", "rows", width]
    inputs = [helper.make_tensor_value_info("observation", TensorProto.FLOAT, shape)]
    last: list[str | int] = ["batch", outputs if single else "logits"]
    results = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, last)]
    if form == "plan":
        graph.add("Identity", [logits], "logits")
        half = outputs // 2
        bounds = [graph.constant(np.array([n], dtype=np.int64)) for n in (0, half, 1)]
        means = graph.add("Slice", [logits, *bounds])
        graph.add("Tanh", [means], "action")
        action = helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", half])
    else:
        graph.add("Reshape", [logits, graph.constant(np.array([0, -1], dtype=np.int64))], "logits")
        inputs.append(helper.make_tensor_value_info("action_mask", TensorProto.BOOL, last))
        _choose(graph, form, heads)
        chosen: list[str | int] = ["batch"] if form == "sequential" else ["batch", "heads"]
        action = helper.make_tensor_value_info("action", TensorProto.INT64, chosen)
    made = helper.make_graph(graph.nodes, "wayside", inputs, [*results, action], graph.constants)
    built = helper.make_model(
        made,
        producer_name="wayside",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(built, {"form": form, "card": json.dumps(policy.card)})
    onnx.checker.check_model(built, full_check=True)
    return built


def _logits(graph: _Graph, tensors: dict[str, Any], network: dict[str, Any]) -> str:
    """Trunk and head, row by row."""
    x = "observation"
    if "normaliser.rows.mean" in tensors:
        x = graph.add("Sub", [x, graph.constant(tensors["normaliser.rows.mean"])])
        scale = np.sqrt(tensors["normaliser.rows.variance"].astype(np.float64) + 1e-8)
        x = graph.add("Div", [x, graph.constant(scale.astype(np.float32))])
        bounds = [graph.constant(np.float32(limit)) for limit in (-10.0, 10.0)]
        x = graph.add("Clip", [x, *bounds])
    for layer in range(len(network["hidden"])):
        x = graph.dense(x, tensors, f"trunk.{layer}")
        x = graph.add(ACTIVATIONS[network["activation"]], [x])
    return graph.dense(x, tensors, "head.0")


def _choose(graph: _Graph, form: str, heads: list[int]) -> None:
    """The likeliest legal action of every head."""
    never = graph.constant(np.float32(-np.inf))
    legal = graph.add("Where", ["action_mask", "logits", never])
    if form == "sequential":
        graph.add("ArgMax", [legal], "action", axis=1, keepdims=0)
        return
    places = graph.constant(np.array([0, -1, sum(heads)], dtype=np.int64))
    tasks = graph.add("Reshape", [legal, places])
    chosen, start = [], 0
    axis = graph.constant(np.array([2], dtype=np.int64))
    for size in heads:
        ends = [graph.constant(np.array([n], dtype=np.int64)) for n in (start, start + size)]
        part = graph.add("Slice", [tasks, *ends, axis])
        chosen.append(graph.add("ArgMax", [part], axis=2, keepdims=1))
        start += size
    together = graph.add("Concat", chosen, axis=2)
    graph.add("Reshape", [together, graph.constant(np.array([0, -1], dtype=np.int64))], "action")


def export(policy: TrainedPolicy, path: str | os.PathLike[str]) -> None:
    """Write the model of ``policy``, whole or not at all."""
    data, target = model(policy).SerializeToString(), Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
