"""A function as Lambda starts it: one version of a registry, loaded when `handler` is looked up."""

import asyncio
import itertools
import logging
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.reference import split_version
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.coalesced import Limits
from serve_app.engine.load import load
from serve_app.engine.local import InlineModels
from serve_app.engine.predict import Predictor
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.middleware import RequestIds
from serve_app.monitoring.log import JsonLines
from serve_app.registry.store import Registry
from serve_app.standalone.aws_lambda import LambdaHandler

numbers = itertools.count(1)


def application(registry, reference):
    """The gateway in front of one version, which computes in this process."""
    name, number = split_version(reference)
    limits = Limits(max_rows=10_000, max_calls=64, max_waiting_rows=100_000, slow_call_s=1.0)
    models = InlineModels(clock=time.monotonic, limits=limits, thread=ThreadPoolExecutor(1))
    models.replace({reference: load(registry, name, number)})
    endpoint = {"route": {"kind": "single", "model": reference}, "placement": "inline"}
    settings = ControlSettings.model_validate({"endpoints": {name: endpoint}})
    endpoints = declare(settings, registry.manifest).checked()
    predictor = Predictor(clock=time.monotonic, ids=lambda: f"id-{next(numbers)}")
    assembler = Assembler(replicas=models, inline=models, clock=time.monotonic)
    predictor.swap(assembler.stages(Snapshot(1, "hash", endpoints)))
    gateway = build(predictor, Settings(8_000_000, 100_000, default_endpoint=name))
    return RequestIds(gateway, ids=lambda: f"id-{next(numbers)}")


def __getattr__(name):
    if name != "handler":
        raise AttributeError(name)
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(JsonLines())
    package = logging.getLogger("serve_app")
    package.addHandler(lines)
    package.setLevel(logging.INFO)
    package.propagate = False
    app = application(Registry(os.environ["SERVE_APP_REGISTRY"]), os.environ["SERVE_APP_MODEL"])
    return LambdaHandler(app, loop=asyncio.new_event_loop(), clock=time.monotonic)
