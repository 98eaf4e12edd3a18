"""The clouds' own models of their calls: botocore's for AWS, Google's types for Vertex AI."""

import botocore.session
from answering import answer_calls
from botocore.validate import ParamValidator
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format


def aws(service, operation, parameters):
    """What botocore has against the parameters of a call; empty where nothing."""
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    return ParamValidator().validate(parameters, shape).generate_report()


def vertex(kind, document):
    """A request as Google's types understand it; what they do not know raises ParseError."""
    message = getattr(types, kind)()
    json_format.ParseDict(document, message._pb)
    return json_format.MessageToDict(message._pb)


answer_calls({"aws": aws, "vertex": vertex})
