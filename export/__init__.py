import service.inference  # noqa: F401 - it switches ONNX Runtime's reports off before anything here loads it
