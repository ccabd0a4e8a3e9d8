"""The networks, from the published checkpoints, and how they run on a GPU: kernels, 8-bit products, CUDA graphs."""
