"""Targets `max78000` and `max78002`: microcontrollers with a 64-processor convolution accelerator."""
