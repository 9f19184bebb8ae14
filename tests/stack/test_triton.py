from __future__ import annotations

from pathlib import Path

import pytest

from services.stack import triton
from services.stack.problems import Problem


def test_the_server_listens_on_loopback_only_and_not_for_http() -> None:
    argv = triton.command(port=20001, metrics_port=20002)
    assert "--grpc-address=127.0.0.1" in argv
    assert "--metrics-address=127.0.0.1" in argv
    assert "--allow-http=false" in argv


def test_two_servers_do_not_share_their_shared_memory() -> None:
    first, second = (triton.command(port=port, metrics_port=20002) for port in (20001, 20003))
    names = [arg for argv in (first, second) for arg in argv if "shm-region-prefix-name" in arg]
    assert len(set(names)) == 2


def test_no_path_is_on_the_command_line_since_triton_does_not_quote_them() -> None:
    options = triton.command(port=20001, metrics_port=20002)[1:]
    assert not any("/" in option for option in options)


def test_there_is_a_backend_for_this_python() -> None:
    assert triton.stub().is_file()


def test_the_stub_says_which_library_it_wants() -> None:
    assert triton.wanted_libpython(triton.stub()).startswith("libpython3")


def test_a_stub_that_wants_no_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stub").write_bytes(b"\x7fELF nothing")
    with pytest.raises(Problem, match="names no shared library"):
        triton.wanted_libpython(tmp_path / "stub")


def test_the_assembled_backend_has_all_that_triton_looks_for(tmp_path: Path) -> None:
    said: list[str] = []
    library = triton.system_libpython()
    if library is None:
        pytest.skip("Python's shared library is not installed here; the first start fetches it")
    root = triton.assemble(tmp_path, said.append)
    again = triton.assemble(tmp_path, said.append)
    names = {path.name for path in (root / "backends" / "python").iterdir()}
    assert {"libtriton_python.so", "triton_python_backend_utils.py", "triton_python_backend_stub"} <= names
    assert (root / "lib" / triton.wanted_libpython(triton.stub())).resolve() == library.resolve()
    assert again == root
    assert said == []
