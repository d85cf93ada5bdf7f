"""VQTorch's layers over the quantizer; `vqcore.nn` is their public name."""
