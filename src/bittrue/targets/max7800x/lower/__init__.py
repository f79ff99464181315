"""From a placed network to what software writes: registers, kernels, biases, input, known answer."""
