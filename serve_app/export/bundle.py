"""A version's wheel as a signed update for devices."""

from __future__ import annotations

from typing import Any

from serve_app.export.place import Exported
from serve_app.export.runtime.bundle import header, opened
from serve_app.export.wheel import WheelOptions, export_wheel
from serve_app.registry.store import Registry
from serve_app.security.signing import public_of, signature_of

SUFFIX = ".edge"
_USUAL = WheelOptions()


def export_bundle(
    registry: Registry, name: str, number: int, key: Any, options: WheelOptions = _USUAL
) -> Exported:
    """The bundle of a version, signed with a private key (`security.signing.private_key`).

    Devices go on taking updates that are signed with the key of `options`, or else with the same
    key; raises as `export_wheel` does.
    """
    public = public_of(key)
    trusted = options.update_key or public
    wheel = export_wheel(
        registry, name, number, WheelOptions(options.version, options.onnxruntime, trusted)
    )
    manifest = wheel.manifest
    lines = header(manifest.name, manifest.version, wheel.file_name, wheel.content)
    signature = signature_of(lines, key)
    content = lines + signature.hex().encode() + b"\n" + wheel.content
    # What this machine signed and devices could not open would be noticed there, one by one.
    opened(content, public)
    file_name = f"{manifest.name}-{manifest.version}{SUFFIX}"
    return Exported(file_name, content, manifest, wheel.needs, {"signed_by": public.hex()})
