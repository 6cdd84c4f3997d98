"""From trained weights to an ONNX graph with named outputs that answers as the network does."""
