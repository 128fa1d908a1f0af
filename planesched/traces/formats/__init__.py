"""The formats in which kernels and tools print trace events: one module each."""
