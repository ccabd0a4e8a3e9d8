"""Text to speech with mouth shapes and word times.

A request goes down this list, and imports point down it:

- `server`: HTTP; `cloning`: cloned voices and their routes
- `speaker`: lines through the engines, few at once; `assembly`: their sound as messages
- `catalog`: which voices there are
- `piper`, `xtts`: engines
- `visemes`: mouth shapes of known sounds, and found in any sound
- `espeak`: the instant engine, whose phonemes piper and visemes need
- `text`: what is said, in lines
- `sound`, `engine`: what passes between all of them

`training` makes the weights in `visemes`; `voices` is data.
"""
