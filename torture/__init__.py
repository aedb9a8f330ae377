"""What the study withstands. Trials fork trainings: torch, which reads this when it is first imported, must start no threads."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
