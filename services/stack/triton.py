"""NVIDIA's Triton Inference Server on this machine: the binary that the package nvidia-pytriton carries.

Its Python backend is an executable per Python version that needs this Python's shared library, which Debian and
Ubuntu keep in a package of its own: where that is not installed it is fetched, without root, into the cache.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from services.stack import processes
from services.stack.home import Home
from services.stack.ports import answers
from services.stack.problems import Problem
from services.stack.processes import Running

_START_S = 120.0
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def _package() -> Path:
    """Return the folder of nvidia-pytriton, without importing it (it imports a lot)."""
    found = find_spec("pytriton")
    if found is None or found.origin is None:
        msg = "the package nvidia-pytriton is not installed: delete .venv and call ./intact again"
        raise Problem(msg)
    return Path(found.origin).parent


def stub() -> Path:
    """Return the Python backend's executable for this Python.

    Raises:
        Problem: there is none for this version. (The package has one for 3.13 too, but it needs numpy 1.)
    """
    path = _package() / "tritonserver" / "python_backend_stubs" / _VERSION / "triton_python_backend_stub"
    if sys.version_info >= (3, 13) or not path.exists():
        msg = f"Triton's Python backend works with Python 3.11 and 3.12, and this is {_VERSION}"
        raise Problem(msg)
    return path


def system_libpython() -> Path | None:
    """Return this Python's shared library where the system has it."""
    name = f"libpython{_VERSION}.so.1.0"
    folders = {
        Path(str(sysconfig.get_config_var("LIBDIR"))),
        Path(sys.base_prefix) / "lib",
        Path("/usr/lib") / str(sysconfig.get_config_var("MULTIARCH")),
    }
    return next((folder / name for folder in sorted(folders) if (folder / name).exists()), None)


def libpython(cache: Path, progress: Callable[[str], None]) -> Path:
    """Return this Python's shared library: the system's, or a copy of Debian's package in the cache.

    Raises:
        Problem: there is none, and it cannot be fetched.
    """
    found = system_libpython() or next((cache / "libpython").rglob(f"libpython{_VERSION}.so.1.0"), None)
    if found is None:
        progress(f"fetching libpython{_VERSION} (once)")
        found = _fetch_libpython(cache / "libpython")
    return found


def _fetch_libpython(folder: Path) -> Path:
    """Unpack Debian's or Ubuntu's libpython package into `folder`; needs the network but not root."""
    package = f"libpython{_VERSION}"
    apt = folder / "apt"
    shutil.rmtree(folder, ignore_errors=True)
    (apt / "lists" / "partial").mkdir(parents=True)
    (apt / "archives" / "partial").mkdir(parents=True)
    # Own package lists: a fresh image has none, and the system's may only be renewed by root.
    options = (
        f"-oDir::State::lists={apt / 'lists'}",
        f"-oDir::Cache={apt}",
        "-oAPT::Sandbox::User=root",
        "-qq",
    )
    try:
        for action in (("update",), ("download", package)):
            subprocess.run(
                ("apt-get", *options, *action), cwd=folder, check=True, capture_output=True, text=True
            )
        deb = next(folder.glob("*.deb"))
        subprocess.run(("dpkg-deb", "-x", str(deb), str(folder)), check=True, capture_output=True, text=True)
        shutil.rmtree(apt)
        return next(folder.rglob(f"{package}.so.1.0"))
    except (OSError, StopIteration, subprocess.CalledProcessError) as exc:
        shutil.rmtree(folder, ignore_errors=True)
        said = exc.stderr if isinstance(exc, subprocess.CalledProcessError) else exc
        msg = (
            f"Triton needs this Python's shared library ({package}.so.1.0), which is not installed and could not be "
            f"fetched ({said}). On Debian or Ubuntu: apt-get install {package}"
        )
        raise Problem(msg) from exc


def assemble(cache: Path, progress: Callable[[str], None]) -> Path:
    """Return the folder of Triton's backends and, beside it, `lib`, made anew: links cost nothing.

    The stub is copied, not linked: its built-in search path, relative to itself, must not find the shared library
    of another Python that the wheel brings along.
    """
    root = cache / "triton" / _VERSION
    shared = libpython(cache, progress)
    executable = stub()
    backend, libraries = root / "backends" / "python", root / "lib"
    backend.mkdir(parents=True, exist_ok=True)
    libraries.mkdir(parents=True, exist_ok=True)
    for file in (_package() / "tritonserver" / "backends" / "python").iterdir():
        _link(backend / file.name, file)
    if not _same(executable, backend / executable.name):
        _copy(executable, backend / executable.name)
    _link(libraries / wanted_libpython(executable), shared)
    return root


def wanted_libpython(executable: Path) -> str:
    """Return the name under which the stub looks for Python's shared library (wheels mangle some)."""
    found = re.search(rb"libpython3[\w.-]*\.so\.1\.0", executable.read_bytes())
    if found is None:
        msg = f"{executable} names no shared library of Python: nvidia-pytriton has changed"
        raise Problem(msg)
    return found.group().decode()


def _link(place: Path, target: Path) -> None:
    if place.is_symlink() and place.readlink() == target:
        return
    # Made beside and moved over: another stack may be reading the old one.
    fresh = place.with_name(f"{place.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(place)


def _same(source: Path, copy: Path) -> bool:
    return copy.exists() and copy.stat().st_size == source.stat().st_size


def _copy(source: Path, place: Path) -> None:
    fresh = place.with_name(f"{place.name}.{os.getpid()}")
    shutil.copy2(source, fresh)
    fresh.chmod(0o755)
    fresh.replace(place)


def command(*, port: int, metrics_port: int) -> tuple[str, ...]:
    """Return the server's command line: gRPC and metrics on loopback, no HTTP.

    The folders are relative to the server's own: it hands their paths to a shell, without quotes, and a checkout
    may well lie below a folder with a space in its name.
    """
    return (
        str(_package() / "tritonserver" / "bin" / "tritonserver"),
        "--model-repository=models",
        # Everything is loaded at the start; later, `./intact model` says what else is, and what no longer.
        "--model-control-mode=explicit",
        "--load-model=*",
        "--backend-directory=backends",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={port}",
        "--allow-http=false",
        f"--metrics-port={metrics_port}",
        "--metrics-address=127.0.0.1",
        "--allow-gpu-metrics=false",
        "--exit-timeout-secs=5",
        # Each server its own shared memory: the default names of two servers on one machine collide.
        f"--backend-config=python,shm-region-prefix-name=intact_{port}_",
        "--pinned-memory-pool-byte-size=0",
        "--disable-auto-complete-config",
    )


def environment(root: Path) -> dict[str, str]:
    """Return the server's environment: this Python with its packages, one thread for each numeric library."""
    return {
        # The stub isolates itself from PYTHONPATH and PYTHONHOME; the first python3 on PATH says where packages are.
        "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LD_LIBRARY_PATH": f"{root / 'lib'}:{_package().with_name('nvidia_pytriton.libs')}",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def start(
    home: Home, *, repository: Path, port: int, metrics_port: int, progress: Callable[[str], None]
) -> Running:
    """Start the server on the model repository; it is ready once `wait_ready` returns.

    Raises:
        Problem: the Python backend cannot be assembled.
    """
    root = assemble(home.cache, progress)
    folder = home.run / "triton"
    folder.mkdir(exist_ok=True)
    _link(folder / "backends", root / "backends")
    _link(folder / "models", repository.resolve())
    argv = command(port=port, metrics_port=metrics_port)
    return processes.start("triton", argv, env=environment(root), log=home.log("triton"), folder=folder)


def wait_ready(server: Running, port: int, cancelled: Callable[[], bool]) -> None:
    """Wait until every model is loaded.

    Raises:
        Problem: the server ended (a model that does not load ends it) or took too long.
    """
    processes.wait_until(
        lambda: answers(port) and serves(port), server, timeout_s=_START_S, cancelled=cancelled
    )


def serves(port: int) -> bool:
    """Tell whether the server says that it is ready for requests."""
    # Imported here: gRPC takes 0.3 s that `./intact --help` need not spend.
    import grpc
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stubs = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        try:
            return bool(stubs.ServerReady(service_pb2.ServerReadyRequest(), timeout=2.0).ready)
        except grpc.RpcError:
            return False
