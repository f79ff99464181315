"""The chip around the accelerator: builds a C project and runs it on emulated cores."""
