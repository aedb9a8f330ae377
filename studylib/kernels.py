"""Notebooks' kernels that talk over sockets in a private folder, and not over ports, which anybody on the machine can reach.

    python -m studylib.kernels IN OUT ...     is papermill
    pytest -p studylib.kernels --nbval ...    is nbval
"""

import contextlib
import os
import tempfile

from jupyter_client.connect import ConnectionFileMixin
from jupyter_client.manager import AsyncKernelManager, KernelManager
from traitlets import default


class _Private(ConnectionFileMixin):
    """A manager of a kernel whose five sockets lie in a folder of their own, which goes with the kernel."""

    @default("transport")
    def _transport(self) -> str:
        return "ipc"

    @default("ip")
    def _ip(self) -> str:
        folder = tempfile.gettempdir()
        # A socket's path has at most 107 bytes.
        return tempfile.mkdtemp(prefix="kernel-", dir=folder if len(os.fsencode(folder)) < 80 else "/tmp") + "/socket"

    def cleanup_ipc_files(self) -> None:
        super().cleanup_ipc_files()
        with contextlib.suppress(OSError):  # while a kernel is restarted, it holds sockets
            os.rmdir(os.path.dirname(self.ip))


class PrivateKernelManager(_Private, KernelManager):
    """For nbval."""


class AsyncPrivateKernelManager(_Private, AsyncKernelManager):
    """For papermill."""


def pytest_configure() -> None:
    """What pytest calls of a plugin: nbval starts its kernels with the manager that it has imported."""
    import nbval.kernel

    nbval.kernel.KernelManager = PrivateKernelManager


def main() -> None:
    """papermill's command line."""
    from papermill import engines
    from papermill.cli import papermill

    class Engine(engines.NBClientEngine):
        """papermill's own, with our manager, and lean: of a cell's times its duration is kept."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **options):
            super().execute_managed_notebook(nb_man, kernel_name, kernel_manager_class=AsyncPrivateKernelManager,
                                             record_timing=False, **options)
            for cell in nb_man.nb.cells:
                for name in ("start_time", "end_time", "exception"):
                    cell.metadata.papermill.pop(name, None)

    engines.papermill_engines.register(None, Engine)
    papermill()


if __name__ == "__main__":
    main()
