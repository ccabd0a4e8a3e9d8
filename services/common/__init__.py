"""What crosses a process: messages, bus, settings, logs, metrics, errors, health. Nothing else is shared."""
