"""A page in headless Chromium, used as a visitor would: over the DevTools protocol."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.support import chromium, nodejs
from tests.support.service import wait_until

DOMAINS = ("Page", "Runtime", "Log", "DOM")
AXE = nodejs.MODULES / "axe-core" / "axe.min.js"


class Page:
    """``problems``: what a developer would see in red in the console, with refusals by the page's own policy."""

    def __init__(self, socket: ClientConnection) -> None:
        self.problems: list[str] = []
        self._socket = socket
        self._count = 0
        for domain in DOMAINS:
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=90))
            if message.get("id") == self._count:
                assert "error" not in message, message["error"]
                return dict(message["result"])
            self._note(message["method"], message["params"])

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && document.title.includes('·')")

    def evaluate(self, expression: str) -> Any:
        """Its value, once that is there if it is a promise."""
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self.call("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 30) -> Any:
        """The value of ``expression`` as soon as it counts as true."""
        return self.evaluate(
            f"""new Promise((resolve, reject) => {{
              const end = Date.now() + {seconds * 1000};
              const look = () => {{
                const value = {expression};
                if (value) return resolve(value);
                if (Date.now() > end) return reject(new Error({json.dumps(expression)} + " did not come about"));
                setTimeout(look, 20);
              }};
              look();
            }})"""
        )

    def text(self, selector: str) -> str:
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).textContent"))

    def click(self, selector: str) -> None:
        """With the mouse, where the element is seen."""
        place = self.evaluate(
            f"""(() => {{
              const element = document.querySelector({json.dumps(selector)});
              element.scrollIntoView({{ block: "center", behavior: "instant" }});
              const {{ left, top, width, height }} = element.getBoundingClientRect();
              return {{ x: left + width / 2, y: top + height / 2 }};
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def write(self, selector: str, text: str) -> None:
        self.click(selector)
        self.call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code="Space" if key == " " else key, **text)

    def choose(self, selector: str, file: Path) -> None:
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        found = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(file)], nodeId=found)

    def look(self, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """As wide as a window or a phone, and in the colours that the visitor likes."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def barriers(self, within: str = "html") -> list[str]:
        """What axe-core finds, in what the selector ``within`` names, that would keep people out, or hinder them."""
        if not self.evaluate("'axe' in window"):
            self.evaluate(AXE.read_text() + ";0")
        run = f"axe.run({json.dumps(within)}, {{ resultTypes: ['violations'] }})"
        found = self.evaluate(f"{run}.then((result) => result.violations)")
        return [f"{entry['id']}: {entry['help']}: {part['html']}" for entry in found for part in entry["nodes"]]

    def _note(self, method: str, event: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(event["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.problems.append(str(event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")


@contextmanager
def opened(profile: Path, downloads: Path, microphone: Path | None = None) -> Iterator[Page]:
    """An empty page of a browser of its own."""
    port = profile / "DevToolsActivePort"
    with chromium.launched(profile, "--remote-debugging-port=0", "about:blank", microphone=microphone) as running:
        wait_until(lambda: running.poll() is not None or (port.is_file() and "\n" in port.read_text()))
        number = re.match(r"\d+", port.read_text())
        assert number
        tabs = httpx.get(f"http://127.0.0.1:{number[0]}/json/list", timeout=60).json()
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        with connect(address, max_size=None) as socket:
            page = Page(socket)
            page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
            page.look()
            yield page
