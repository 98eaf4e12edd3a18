"""Registered versions as files for other places: wheels, ONNX graphs, signed bundles.

Nothing here starts anything or needs Ray. What runs on the device stands in `runtime/`, and is
copied into each wheel under the wheel's own name, with the modules that it imports.
"""
