"""Trees of compiled versions, walked by `serve-app-native` where that is installed.

What is stored stays as it is: a program whose trees ONNX Runtime or NumPy walks, which every
machine can load. Where the library is there, trees are handed to it when a version is loaded, once
it has given the same bits on rows at and beside their thresholds.
"""
