"""The renderer: speech in, a talking face out by WebRTC.

`server` wires and `api` is HTTP. `sessions/` is what is on air: a session takes speech into its `streaming_buffer`,
which stands on `speech/`, lets a performer draw it, and sends sound and pictures through `media/`. `engine` says what a
performer does; `engines` chooses between `portrait/`, drawn on the CPU, and `echomimic/`, generated on a GPU.
"""
