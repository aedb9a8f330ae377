"""What a training step costs, beside what it could cost and what others' steps cost. `make bench` runs it; tests do not."""
