"""Every key of ours that `configs/*.yaml` may hold; unknown keys are refused.

Ray's own keys stay Ray's: `serving/checking/` holds those against the installed Ray.
"""

from serve_app.config.access import AccessSettings
from serve_app.config.base import Frozen
from serve_app.config.control import ControlArgs, ControlSettings
from serve_app.config.cors import CorsSettings
from serve_app.config.endpoints import (
    CacheSettings,
    ColumnSettings,
    EndpointName,
    EndpointSettings,
    PreprocessSettings,
    Reaction,
    SchemaSettings,
)
from serve_app.config.gateway import AdminSettings, CoalesceSettings, GatewayArgs
from serve_app.config.listeners import ListenerSettings, Profile
from serve_app.config.model import ModelArgs
from serve_app.config.monitoring import MonitorArgs, MonitoringSettings
from serve_app.config.names import Location, Reference, located
from serve_app.config.routes import (
    EnsembleRoute,
    Route,
    RouteSettings,
    SingleRoute,
    SplitRoute,
    Target,
    VariantSettings,
    WeightedRoute,
)
from serve_app.config.scaling import ScalingSettings, ScheduleEntry
from serve_app.config.shadows import MirrorSettings, ShadowSettings
from serve_app.config.telemetry import TelemetrySettings
from serve_app.core.home import HOME_VARIABLE

__all__ = [
    "HOME_VARIABLE",
    "AccessSettings",
    "AdminSettings",
    "CacheSettings",
    "CoalesceSettings",
    "ColumnSettings",
    "ControlArgs",
    "ControlSettings",
    "CorsSettings",
    "EndpointName",
    "EndpointSettings",
    "EnsembleRoute",
    "Frozen",
    "GatewayArgs",
    "ListenerSettings",
    "Location",
    "MirrorSettings",
    "ModelArgs",
    "MonitorArgs",
    "MonitoringSettings",
    "PreprocessSettings",
    "Profile",
    "Reaction",
    "Reference",
    "Route",
    "RouteSettings",
    "ScalingSettings",
    "ScheduleEntry",
    "SchemaSettings",
    "ShadowSettings",
    "SingleRoute",
    "SplitRoute",
    "Target",
    "TelemetrySettings",
    "VariantSettings",
    "WeightedRoute",
    "located",
]
