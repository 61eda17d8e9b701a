"""A client of yaml-language-server, which VS Code's YAML extension and most other editors ask.

npm installs the server once on a machine, into the user's cache.
"""

import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

SERVER = "yaml-language-server@1.25.0"
MODELINE = "# yaml-language-server: $schema=../schema/rule.schema.json\n"
CURSOR = "\N{BLACK VERTICAL RECTANGLE}"


def installed() -> Path:
    """Give the server's program, installed if it is not yet."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("yaml-language-server needs node and npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "aislewatch-tests" / SERVER
    program = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    if not program.is_file():
        being_made = folder.with_name(f"{SERVER}.{os.getpid()}")
        being_made.mkdir(parents=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]
        done = subprocess.run(
            [*command, str(being_made), SERVER], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            with suppress(OSError):  # Another run of the tests may have been quicker.
                being_made.rename(folder)
        shutil.rmtree(being_made, ignore_errors=True)
        if not program.is_file():
            pytest.skip(f"npm cannot install {SERVER}: {done.stderr.strip()[-300:]}")
    return program


@dataclass
class Editor:
    """A client of the language server, with one folder open."""

    folder: Path
    writing: IO[bytes]
    reading: IO[bytes]
    _calls: int = 0
    _opened: int = 0
    _told: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def begin(self) -> None:
        text = {
            "completion": {
                "completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}
            },
            "hover": {"contentFormat": ["markdown"]},
        }
        self.call(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": self.folder.as_uri(),
                "capabilities": {"textDocument": text, "workspace": {"configuration": True}},
            },
        )
        self._send({"method": "initialized", "params": {}})
        while self._receive().get("method") != "workspace/configuration":
            pass

    def open(self, text: str) -> str:
        """Open a new file; gives its address."""
        self._opened += 1
        uri = (self.folder / "rules" / f"{self._opened}.yml").as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": MODELINE + text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return uri

    def complaints(self, *texts: str) -> list[list[Any]]:
        """Give what is underlined in each of some files."""
        opened = [self.open(text) for text in texts]
        while any(uri not in self._told for uri in opened):
            self._receive()
        return [self._told[uri] for uri in opened]

    def _cursor(self, text: str) -> tuple[str, int, int]:
        """Open a file that has a cursor in it; gives its address, the line and the character."""
        before, after = (MODELINE + text).split(CURSOR)
        uri = self.open(before.removeprefix(MODELINE) + after)
        return uri, before.count("\n"), len(before) - before.rfind("\n") - 1

    def offered(self, text: str) -> dict[str, Any]:
        """Give what is offered at the cursor, by label."""
        uri, line, character = self._cursor(text)
        position = {"line": line, "character": character}
        asked = {"textDocument": {"uri": uri}, "position": position}
        found = self.call("textDocument/completion", asked)
        return {item["label"]: item for item in found["items"]}

    def over(self, uri: str, line: int, character: int) -> str:
        """Give what is shown over a place, without the link to the schema."""
        position = {"line": line, "character": character}
        asked = {"textDocument": {"uri": uri}, "position": position}
        shown = self.call("textDocument/hover", asked)["contents"]["value"]
        return str(shown).partition("\nSource: ")[0]

    def explained(self, text: str) -> str:
        """Give what is shown over the cursor."""
        return self.over(*self._cursor(text))

    def call(self, method: str, params: object) -> Any:
        self._calls += 1
        call = self._calls
        self._send({"id": call, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == call and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]

    def end(self) -> None:
        self.call("shutdown", None)
        self._send({"method": "exit"})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.writing.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.writing.flush()

    def _receive(self) -> dict[str, Any]:
        size = 0
        while line := self.reading.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        assert size, "the language server has ended"
        message: dict[str, Any] = json.loads(self.reading.read(size))
        if message.get("method") == "textDocument/publishDiagnostics":
            self._told[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": self._answer(message)})
        return message

    @staticmethod
    def _answer(message: dict[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        yaml = {
            "validate": True,
            "hover": True,
            "completion": True,
            "schemaStore": {"enable": False},
        }
        return [yaml if one.get("section") == "yaml" else {} for one in message["params"]["items"]]


def typed_in(text: str, item: Any) -> str:
    """Give a file after what is offered at its cursor was taken as it stands."""
    before, after = text.split(CURSOR)
    line = before.rpartition("\n")[2]
    edit = item["textEdit"]
    gone = edit["range"]["end"]["character"] - edit["range"]["start"]["character"]
    new = edit["newText"]
    while (shorter := re.sub(r"\$\{\d+:((?:[^{}\\]|\\.|\{[^{}]*\})*)\}", r"\1", new)) != new:
        new = shorter
    new = re.sub(r"\\([}$\\])", r"\1", re.sub(r"\$\d+", "", new))
    indent = line[: len(line) - len(line.lstrip())]
    return before[: len(before) - gone] + new.replace("\n", "\n" + indent) + after
