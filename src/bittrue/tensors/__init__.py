"""Arithmetic on PyTorch tensors that training, front ends and targets share. This package itself loads no PyTorch."""
