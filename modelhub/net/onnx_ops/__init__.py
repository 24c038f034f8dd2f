"""What each ONNX operator is in torch: one function for each, found by the operator's name.

A function takes a `Call` and returns the value, or a tuple of them. All need torch; they are
imported through `modelhub.net.from_onnx` only.
"""
