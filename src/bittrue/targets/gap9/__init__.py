"""GAP9-class RISC-V clusters: nine cores with SIMD instructions, a shared L1 memory, a DMA engine."""
