"""Kernels talk over sockets in a folder that nobody else can enter, and that is gone afterwards."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import nbval.kernel

from studylib import kernels, records

CELL = """import json
from pathlib import Path
from ipykernel.connect import get_connection_file
told = json.loads(Path(get_connection_file()).read_text())
print(told["transport"], told["ip"], value)"""


def test_papermill_runs_a_notebook_over_sockets_and_leaves_nothing(tmp_path):
    cells = [nbformat.v4.new_code_cell("value = 1", metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(CELL)]
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=about), tmp_path / "in.ipynb")
    command = [sys.executable, "-m", "studylib.kernels", "in.ipynb", "out.ipynb", "-p", "value", "7", "--kernel", "python3"]
    around = {**os.environ, "PYTHONPATH": str(records.ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "TCP" not in done.stderr
    last = nbformat.read(tmp_path / "out.ipynb", 4).cells[-1]
    assert last.metadata.papermill.keys() == {"duration", "status"}
    transport, place, value = last.outputs[0].text.split()
    assert (transport, value) == ("ipc", "7")
    assert Path(place).name == "socket"
    assert not Path(place).parent.exists()


def test_nbval_starts_such_a_kernel(monkeypatch):
    monkeypatch.setattr(nbval.kernel, "KernelManager", None)
    kernels.pytest_configure()
    manager, client = nbval.kernel.start_new_kernel(kernel_name="python3", stderr=subprocess.DEVNULL)
    folder = Path(manager.ip).parent
    try:
        assert manager.transport == "ipc"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(list(folder.iterdir())) == 5
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert not folder.exists()


def test_no_two_kernels_share_a_folder_and_paths_are_short(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    managers = [manager() for manager in (kernels.PrivateKernelManager, kernels.AsyncPrivateKernelManager) for _ in range(2)]
    assert len({manager.ip for manager in managers}) == 4
    for manager in managers:
        assert len(f"{manager.ip}-5") < 100
        manager.cleanup_ipc_files()
        assert not Path(manager.ip).parent.exists()
