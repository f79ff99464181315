"""From a quantized PyTorch network to silicon without losing a bit."""
