"""EchoMimic v3 (Flash) as a streaming engine: the model, its parts from the original checkpoints, and what feeds them.

Source of the shapes and formulas: antgroup/echomimic_v3 at 7e89489 (Apache-2.0), the reference of the parity
tests.
"""
