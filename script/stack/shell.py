"""Running things: visible steps, child processes that die with us, ports, waiting."""

import collections
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


class StackError(Exception):
    """A set-up step failed; the message says what to do."""


_started = time.monotonic()


def step(text: str) -> None:
    """Print one line of progress with the seconds since the start."""
    print(f"[{time.monotonic() - _started:5.0f} s] {text}", flush=True)


def run(args, *, log: Path | None = None, check=True, **kwargs) -> subprocess.CompletedProcess:
    """Run a command to its end; on failure raise StackError with the end of what it printed."""
    result = subprocess.run(
        [str(a) for a in args],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **kwargs,
    )
    if log:
        with log.open("a") as stream:
            stream.write(f"$ {' '.join(map(str, args))}\n{result.stdout}\n")
    if check and result.returncode:
        tail = "\n".join(result.stdout.splitlines()[-25:])
        raise StackError(f"{Path(str(args[0])).name} failed (exit {result.returncode}):\n{tail}")
    return result


def sudo() -> list[str]:
    """The prefix that makes a command run as root."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        return ["sudo"]
    raise StackError("Installing Debian packages needs root or sudo.")


def run_shown(args, *, log: Path, show, **kwargs) -> None:
    """Run a long command: every line goes to ``log``, and ``show(line)`` may report it as a step.

    The command ends when we do, even by SIGKILL.
    """
    with log.open("a") as stream:
        stream.write(f"$ {' '.join(map(str, args))}\n")
        stream.flush()
        tail: collections.deque[str] = collections.deque(maxlen=25)
        process = subprocess.Popen(
            [str(a) for a in args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
            **kwargs,
        )
        try:
            for line in process.stdout:
                stream.write(line)
                tail.append(line)
                text = show(line)
                if text:
                    step(text)
            process.wait()
        finally:
            stop(process, timeout=5)
    if process.returncode:
        name = Path(str(args[0])).name
        raise StackError(f"{name} failed (exit {process.returncode}; log: {log}):\n{''.join(tail)}")


def die_with_parent(sig: signal.Signals):
    """For ``preexec_fn``: the child gets ``sig`` when the thread that started it ends."""
    pr_set_pdeathsig = 1
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(pr_set_pdeathsig, sig)


def spawn(
    args, *, log: Path, user: str | None = None, death_signal=signal.SIGTERM, **kwargs
) -> subprocess.Popen:
    """Start a service: own process group, output to ``log``, ended when we die, as ``user``."""
    if user:
        entry = pwd.getpwnam(user)
        kwargs.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [str(a) for a in args],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(death_signal),
            **kwargs,
        )
    log.with_suffix(".pid").write_text(f"{process.pid} {_born(process.pid)}")
    return process


def _born(pid: int) -> str:
    """The start time of a process in clock ticks; with the id it names a process for ever."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def parents() -> list[tuple[int, int]]:
    """Every process of this machine with its parent."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            found.append((int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])))
    return found


def end_leftovers(folder: Path, timeout: float = 30) -> None:
    """Wait for services whose parent was killed: they are ending by themselves. Kill the rest."""
    left = {}
    for note in folder.glob("*/*.pid"):
        pid, _, born = note.read_text().partition(" ")
        if born and _born(int(pid)) == born:
            left[int(pid)] = born
        else:
            note.unlink()
    deadline = time.monotonic() + timeout
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = {pid: born for pid, born in left.items() if _born(pid) == born}
    for pid in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def stop(process: subprocess.Popen | None, *, sig=signal.SIGTERM, timeout=20) -> None:
    """End a service by its id; kill its group when it does not listen."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(sig)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        kill_group(process)


def kill_group(process: subprocess.Popen) -> None:
    """SIGKILL a service and all its children: the power cut of the tests."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def chown(path: Path, user: str | None) -> None:
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def private_dir(path: Path, user: str | None = None, mode=0o700) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    chown(path, user)
    path.chmod(mode)
    return path


def write_private(path: Path, text: str, user: str | None = None) -> Path:
    """Write a file that holds a secret, whole or not at all: readable by its service only."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    chown(fresh, user)
    return fresh.rename(path)


def port_free(port: int, kind=socket.SOCK_STREAM) -> bool:
    with socket.socket(socket.AF_INET, kind) as sock:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(wanted: int, taken: set[int], kind=socket.SOCK_STREAM) -> int:
    """The first free loopback port from ``wanted`` on."""
    for port in range(wanted, wanted + 400):
        if port not in taken and port_free(port, kind):
            taken.add(port)
            return port
    raise StackError(f"No free port found from {wanted} on.")


def wait_for(condition, timeout: float, what: str, process: subprocess.Popen | None = None):
    """Poll ``condition`` until it answers something true; a dead ``process`` ends the wait."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        if process is not None and process.poll() is not None:
            raise StackError(f"{what}: the process ended with code {process.returncode}.")
        time.sleep(0.1)
    raise StackError(f"{what}: not ready after {timeout:.0f} s.")


def fail(error: StackError) -> None:
    print(f"\n{error}", file=sys.stderr, flush=True)
    raise SystemExit(1)
