"""The neural voice: a Piper model, cut in two so that sound comes before the line is done."""
