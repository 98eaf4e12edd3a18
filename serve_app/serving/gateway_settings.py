"""What a gateway's pages go by: its `args`, and what the platform says in the environment."""

from collections.abc import Mapping

from serve_app.config import GatewayArgs
from serve_app.core.identifiers import PredictionIds
from serve_app.gateway.context import Settings


def settings_of(args: GatewayArgs, environment: Mapping[str, str]) -> Settings:
    """The settings of one gateway, with a name of its own for counts."""
    return Settings(
        args.max_body_bytes,
        args.max_rows,
        args.default_endpoint,
        args.server_name,
        args.compress_above_bytes,
        health_route=environment.get("AIP_HEALTH_ROUTE"),
        predict_route=environment.get("AIP_PREDICT_ROUTE"),
        replica=PredictionIds()(),
        max_explained_rows=args.max_explained_rows,
        origins=() if args.cors is None else args.cors.origins,
        proofs=args.access.proofs,
    )
