"""A fitted model as data: operations on NumPy arrays, and trees that ONNX Runtime walks.

What runs here was written down by `models/convert` when the version was registered. It needs
neither pandas nor scikit-learn nor XGBoost, does the arithmetic of those libraries in their
order and their precision, and was held against them before it was stored (`models/parity.py`).

To add an operation: a frozen dataclass that derives from `operation.Operation`, in a module that
`storage.py` names.
"""
