"""Debian's Chromium without a window, driven over its own debugging pipe (Chrome DevTools Protocol): nothing to install for it."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

TIMEOUT = 30


def find_chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Chromium:
    """One browser with one page. Certificates are not checked: those of a test server are made by itself."""

    def __init__(self, size=(1100, 800)):
        self.folder = tempfile.mkdtemp(prefix="rookery-chromium-")
        self.console = []  # what the page logs, errors included
        self._answers, self._arrived, self._number, self._session = {}, threading.Condition(), 0, None
        their_in, self._out = os.pipe()
        self._in, their_out = os.pipe()
        command = [find_chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--ignore-certificate-errors", "--remote-debugging-pipe", "--user-data-dir=" + self.folder, "--lang=en",
                   "--window-size=%d,%d" % size, "about:blank"]
        environment = dict(os.environ, HOME=self.folder, XDG_CONFIG_HOME=self.folder, XDG_CACHE_HOME=self.folder)
        # Chromium reads its commands from descriptor 3 and writes to 4; a shell puts them there.
        shell = 'exec "$@" 3<&%d 4>&%d' % (their_in, their_out)
        self.process = subprocess.Popen(["bash", "-c", shell, "chromium"] + command, pass_fds=(their_in, their_out), env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(their_in)
        os.close(their_out)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        pages = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in pages if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "DOM"):
            self.call(domain + ".enable")

    # ---- the protocol

    def _read(self):
        rest = b""
        while True:
            data = os.read(self._in, 65536)
            if not data:
                break
            *messages, rest = (rest + data).split(b"\0")
            for message in map(json.loads, messages):
                self._take(message)
        with self._arrived:
            self._answers = None
            self._arrived.notify_all()

    def _take(self, message):
        if message.get("method") == "Runtime.consoleAPICalled":
            self.console.append(" ".join(str(each.get("value", each.get("description", ""))) for each in message["params"]["args"]))
        elif message.get("method") == "Runtime.exceptionThrown":
            details = message["params"]["exceptionDetails"]
            self.console.append("exception: " + details.get("exception", {}).get("description", details["text"]))
        if "id" in message:
            with self._arrived:
                self._answers[message["id"]] = message
                self._arrived.notify_all()

    def call(self, method, **parameters):
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._answers is None or number in self._answers, TIMEOUT):
                raise AssertionError("Chromium does not answer " + method)
            if self._answers is None:
                raise AssertionError("Chromium ended")
            answer = self._answers.pop(number)
        if "error" in answer:
            raise AssertionError("%s: %s" % (method, answer["error"]["message"]))
        return answer["result"]

    # ---- what a test does

    def open(self, url):
        self.call("Page.navigate", url=url)

    def run(self, script):
        """The value of a JavaScript expression; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            raise AssertionError("%s: %s" % (script, result["exceptionDetails"].get("exception", {}).get("description")))
        return result["result"].get("value")

    def wait(self, script, timeout=TIMEOUT):
        """Until the expression is true in the sense of JavaScript; its value."""
        deadline = time.monotonic() + timeout
        while True:
            value = self.run(script)
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError("never true in the page: %s\nthe page logged:\n%s\nit shows:\n%s" % (
                    script, "\n".join(self.console[-40:]), self.run("document.body.innerText")))
            time.sleep(0.05)  # a page has no event for "now it looks like this"

    def element(self, selector):
        """The first that is visible, once there is one: as an expression."""
        found = "[...document.querySelectorAll(%s)].find(each => each.getClientRects().length > 0)" % json.dumps(selector)
        self.wait("!!" + found)
        return found

    def click(self, selector):
        self.run(self.element(selector) + ".click()")

    def type(self, selector, text, enter=False):
        """Through the browser's own input, as keys would."""
        self.run(self.element(selector) + ".focus()")
        self.call("Input.insertText", text=text)
        if enter:
            for kind in ("keyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13,
                          **({"text": "\r"} if kind == "keyDown" else {}))

    def choose_file(self, expression, path):
        """For the file input that the expression finds."""
        found = self.call("Runtime.evaluate", expression=expression)["result"]
        self.call("DOM.setFileInputFiles", objectId=found["objectId"], files=[path])

    def screenshot(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        if self.process.poll() is None:
            try:
                self._session = None
                self.call("Browser.close")
                self.process.wait(10)
            except (AssertionError, OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait(10)
        self._reader.join(10)
        os.close(self._out)
        os.close(self._in)
        shutil.rmtree(self.folder, ignore_errors=True)
