"""A display without a screen and a D-Bus session of its own, for clients with windows."""

import os
import shutil
import signal
import subprocess


class VirtualDisplay:
    """Xvfb on a display that it finds free."""

    def __init__(self, size="1100x800x24"):
        read, write = os.pipe()
        self.process = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp", "-noreset"],
                                        pass_fds=(write,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()  # comes when it can be connected to
        if not number:
            raise AssertionError("Xvfb does not start")
        self.name = ":" + number

    def close(self):
        self.process.terminate()
        self.process.wait(10)


class Application:
    """A program with a home of its own under `folder`, on `display`. As root it runs as nobody: some refuse to be root."""

    def __init__(self, display, folder, command, **pipes):
        self.home = os.path.join(folder, "home")
        for name in ("config", "data", "cache", "runtime"):
            os.makedirs(os.path.join(self.home, name), mode=0o700, exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if key in ("PATH", "TZ")}
        environment.update(DISPLAY=display.name, HOME=self.home, XDG_CONFIG_HOME=self.home + "/config", XDG_DATA_HOME=self.home + "/data",
                           XDG_CACHE_HOME=self.home + "/cache", XDG_RUNTIME_DIR=self.home + "/runtime", LANG="C.UTF-8", NO_AT_BRIDGE="1",
                           GDK_BACKEND="x11", GSETTINGS_BACKEND="memory", GIO_USE_VFS="local")
        drop = []
        if os.geteuid() == 0:
            os.chmod(folder, 0o711)
            for path, _, files in os.walk(self.home):
                for each in [path] + [os.path.join(path, name) for name in files]:
                    shutil.chown(each, "nobody", "nogroup")
            drop = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        self.log = open(os.path.join(folder, "application.log"), "w+")
        # A group of its own: the session's bus and what it started end with it.
        self.process = subprocess.Popen(drop + ["dbus-run-session", "--"] + command, env=environment, cwd=self.home, stderr=self.log,
                                        start_new_session=True, **pipes)

    def said(self):
        self.log.flush()
        with open(self.log.name) as file:
            return file.read()[-4000:]

    def close(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self.log.close()
