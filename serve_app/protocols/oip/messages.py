"""The messages of the Open Inference Protocol over gRPC, built from a table.

Field numbers and types are those of
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/open_inference_grpc.proto;
generated code would tie this package to one version of protobuf. What Triton adds follows
https://github.com/triton-inference-server/common/blob/main/protobuf/grpc_service.proto.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"
_FILE = "serve_app/open_inference.proto"

_PARAMETERS = ("map", "InferParameter")
_MODEL = {"name": (1, "string"), "version": (2, "string")}
_MESSAGES: dict[str, dict[str, tuple[int, Any]]] = {
    "ServerLiveRequest": {},
    "ServerLiveResponse": {"live": (1, "bool")},
    "ServerReadyRequest": {},
    "ServerReadyResponse": {"ready": (1, "bool")},
    "ModelReadyRequest": _MODEL,
    "ModelReadyResponse": {"ready": (1, "bool")},
    "ServerMetadataRequest": {},
    "ServerMetadataResponse": {
        "name": (1, "string"), "version": (2, "string"), "extensions": (3, ["string"]),
    },
    "ModelMetadataRequest": _MODEL,
    "ModelMetadataResponse": {
        "name": (1, "string"), "versions": (2, ["string"]), "platform": (3, "string"),
        "inputs": (4, ["TensorMetadata"]), "outputs": (5, ["TensorMetadata"]),
    },
    "TensorMetadata": {"name": (1, "string"), "datatype": (2, "string"), "shape": (3, ["int64"])},
    "InferParameter": {
        "bool_param": (1, "bool"), "int64_param": (2, "int64"), "string_param": (3, "string"),
        "double_param": (4, "double"), "uint64_param": (5, "uint64"),
    },
    "InferTensorContents": {
        "bool_contents": (1, ["bool"]), "int_contents": (2, ["int32"]),
        "int64_contents": (3, ["int64"]), "uint_contents": (4, ["uint32"]),
        "uint64_contents": (5, ["uint64"]), "fp32_contents": (6, ["float"]),
        "fp64_contents": (7, ["double"]), "bytes_contents": (8, ["bytes"]),
    },
    "InferInputTensor": {
        "name": (1, "string"), "datatype": (2, "string"), "shape": (3, ["int64"]),
        "parameters": (4, _PARAMETERS), "contents": (5, "InferTensorContents"),
    },
    "InferRequestedOutputTensor": {"name": (1, "string"), "parameters": (2, _PARAMETERS)},
    "InferOutputTensor": {
        "name": (1, "string"), "datatype": (2, "string"), "shape": (3, ["int64"]),
        "parameters": (4, _PARAMETERS), "contents": (5, "InferTensorContents"),
    },
    "ModelInferRequest": {
        "model_name": (1, "string"), "model_version": (2, "string"), "id": (3, "string"),
        "parameters": (4, _PARAMETERS), "inputs": (5, ["InferInputTensor"]),
        "outputs": (6, ["InferRequestedOutputTensor"]), "raw_input_contents": (7, ["bytes"]),
    },
    "RepositoryIndexRequest": {"repository_name": (1, "string"), "ready": (2, "bool")},
    "RepositoryIndexResponse": {"models": (1, ["ModelIndex"])},
    "ModelIndex": {
        "name": (1, "string"), "version": (2, "string"), "state": (3, "string"),
        "reason": (4, "string"),
    },
    # KServe has its `model_name` where Triton has its `repository_name`.
    "RepositoryModelLoadRequest": {"repository_name": (1, "string"), "model_name": (2, "string")},
    "RepositoryModelLoadResponse": {"model_name": (1, "string"), "isLoaded": (2, "bool")},
    "RepositoryModelUnloadRequest": {
        "repository_name": (1, "string"), "model_name": (2, "string"),
    },
    "RepositoryModelUnloadResponse": {"model_name": (1, "string"), "isUnloaded": (2, "bool")},
    "ModelConfigRequest": _MODEL,
    "ModelConfigResponse": {"config": (1, "ModelConfig")},
    "ModelConfig": {
        "name": (1, "string"), "platform": (2, "string"), "max_batch_size": (4, "int32"),
        "input": (5, ["ModelInput"]), "output": (6, ["ModelOutput"]), "backend": (17, "string"),
    },
    "ModelInput": {"name": (1, "string"), "data_type": (2, "int32"), "dims": (4, ["int64"])},
    "ModelOutput": {"name": (1, "string"), "data_type": (2, "int32"), "dims": (3, ["int64"])},
    "ModelStatisticsRequest": _MODEL,
    "ModelStatisticsResponse": {"model_stats": (1, ["ModelStatistics"])},
    "ModelStatistics": {
        "name": (1, "string"), "version": (2, "string"), "inference_count": (4, "uint64"),
        "execution_count": (5, "uint64"), "inference_stats": (6, "InferStatistics"),
    },
    "InferStatistics": {"success": (1, "StatisticDuration"), "fail": (2, "StatisticDuration")},
    "StatisticDuration": {"count": (1, "uint64"), "ns": (2, "uint64")},
    "SystemSharedMemoryStatusRequest": {"name": (1, "string")},
    "SystemSharedMemoryStatusResponse": {},
    "SystemSharedMemoryRegisterRequest": {
        "name": (1, "string"), "key": (2, "string"), "offset": (3, "uint64"),
        "byte_size": (4, "uint64"),
    },
    "SystemSharedMemoryRegisterResponse": {},
    "SystemSharedMemoryUnregisterRequest": {"name": (1, "string")},
    "SystemSharedMemoryUnregisterResponse": {},
    "CudaSharedMemoryStatusRequest": {"name": (1, "string")},
    "CudaSharedMemoryStatusResponse": {},
    "CudaSharedMemoryRegisterRequest": {
        "name": (1, "string"), "raw_handle": (2, "bytes"), "device_id": (3, "int64"),
        "byte_size": (4, "uint64"),
    },
    "CudaSharedMemoryRegisterResponse": {},
    "CudaSharedMemoryUnregisterRequest": {"name": (1, "string")},
    "CudaSharedMemoryUnregisterResponse": {},
    "TraceSettingValue": {"value": (1, ["string"])},
    "TraceSettingRequest": {
        "settings": (1, ("map", "TraceSettingValue")), "model_name": (2, "string"),
    },
    "TraceSettingResponse": {"settings": (1, ("map", "TraceSettingValue"))},
    "ModelInferResponse": {
        "model_name": (1, "string"), "model_version": (2, "string"), "id": (3, "string"),
        "parameters": (4, _PARAMETERS), "outputs": (5, ["InferOutputTensor"]),
        "raw_output_contents": (6, ["bytes"]),
    },
}  # fmt: skip
METHODS = (
    "ServerLive",
    "ServerReady",
    "ModelReady",
    "ServerMetadata",
    "ModelMetadata",
    "ModelInfer",
    "ModelConfig",
    "ModelStatistics",
    "RepositoryIndex",
    "RepositoryModelLoad",
    "RepositoryModelUnload",
    "SystemSharedMemoryStatus",
    "SystemSharedMemoryRegister",
    "SystemSharedMemoryUnregister",
    "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister",
    "CudaSharedMemoryUnregister",
    "TraceSetting",
)
"""Those of the service; each takes its `…Request` and gives its `…Response`."""
_ONE_OF = frozenset({"InferParameter"})
_Field = descriptor_pb2.FieldDescriptorProto


def _file_descriptor() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name in _ONE_OF:
            message.oneof_decl.add(name="parameter_choice")
        for field, (number, kind) in fields.items():
            _add(message, field, number, kind)
    service = file.service.add(name=SERVICE.rpartition(".")[2])
    for method in METHODS:
        service.method.add(
            name=method,
            input_type=f".{PACKAGE}.{method}Request",
            output_type=f".{PACKAGE}.{method}Response",
        )
    return file


def _add(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: Any) -> None:
    label = _Field.LABEL_OPTIONAL
    if isinstance(kind, list):
        label, (kind,) = _Field.LABEL_REPEATED, kind
    elif isinstance(kind, tuple):
        label = _Field.LABEL_REPEATED
        entry = f"{name.title().replace('_', '')}Entry"
        nested = message.nested_type.add(name=entry)
        nested.options.map_entry = True
        _add(nested, "key", 1, "string")
        _add(nested, "value", 2, kind[1])
        kind = f"{message.name}.{entry}"
    field = message.field.add(name=name, number=number, label=label)
    if kind[0].isupper():
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(_Field, f"TYPE_{kind.upper()}")
    if message.name in _ONE_OF:
        field.oneof_index = 0


POOL = descriptor_pool.DescriptorPool()
POOL.AddSerializedFile(_file_descriptor().SerializeToString())
_CLASSES = {
    name: message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))
    for name in _MESSAGES
}


NAMES = frozenset(_MESSAGES)
"""The names of all messages."""


def message(name: str) -> Any:
    """The class of a message."""
    return _CLASSES[name]
