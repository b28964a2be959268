"""The trained network as data, and what runs it: layers, their checks, presets, ONNX graph, engine."""
