"""The Open Inference Protocol, version 2: what KServe, Seldon and Triton's clients speak, over HTTP."""
