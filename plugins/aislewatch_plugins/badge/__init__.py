"""Readers of 125 kHz badges (EM4100) on a serial line: staff badges, never an exit gate."""
