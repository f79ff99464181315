"""Ways into the graph: trained Brevitas models (`frontends.brevitas`, needs the `train` extra) and ONNX files."""
