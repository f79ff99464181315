"""Both chips as data: structure, memories, limits, features, quirks, addresses and registers."""

from .addresses import ADDRESSES, AddressError, AddressMap
from .chips import DEVICES, MAX78000, MAX78002
from .device import Device
from .encodings import ELEMENTWISE, WEIGHT_BITS, shift_fields, shift_value, stop, window_pad
from .fifos import FifoMap
from .limits import LIMITS, Limit
from .memories import KERNEL_BYTES, BiasMemory, DataMemory, KernelMemory, Tram
from .places import BiasByte, DataWord, KernelPart, Nothing, Place, RegisterAt, TramWord
from .registers import Field, Register, RegisterError, Scope

__all__ = ["ADDRESSES", "DEVICES", "ELEMENTWISE", "KERNEL_BYTES", "LIMITS", "MAX78000", "MAX78002", "WEIGHT_BITS",
           "AddressError", "AddressMap", "BiasByte", "BiasMemory", "DataMemory", "DataWord", "Device", "Field",
           "FifoMap", "KernelMemory", "KernelPart", "Limit", "Nothing", "Place", "Register", "RegisterAt",
           "RegisterError", "Scope", "Tram", "TramWord", "shift_fields", "shift_value", "stop", "window_pad"]
