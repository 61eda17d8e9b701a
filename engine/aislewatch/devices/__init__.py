"""What plugins share: lines to devices, secrets, clocks, and the telling of events to the host."""
