"""The memories of a placed network: kernels, biases, data."""

from .bias import BiasMap, BiasOverflow, LayerBias, bias_map
from .data import Area, Place
from .kernels import KernelMap, KernelOverflow, LayerKernels, kernel_map
from .maps import MemoryMaps, memory_maps
from .overlap import BufferOverlap, Overlap, buffer_overlaps, overlaps
from .reading import Misread, Reading, Spot, readings
from .streaming import Stream, streams
from .x4 import KernelClash

__all__ = ["Area", "BiasMap", "BiasOverflow", "BufferOverlap", "KernelClash", "KernelMap", "KernelOverflow",
           "LayerBias", "LayerKernels", "MemoryMaps", "Misread", "Overlap", "Place", "Reading", "Spot", "Stream",
           "bias_map", "buffer_overlaps", "kernel_map", "memory_maps", "overlaps", "readings", "streams"]
