"""The test's hand in the virtual machine: runs what comes over a virtual serial port and answers.

Each request is one line of JSON, {"id": 7, "python": source} or {"id": 7, "sh": command, "timeout": s}; each answer too: {"id": 7, "ok": value} or
{"id": 7, "error": text}. `python` runs in this process, which is loaded already: a new interpreter takes a second under emulation. What it assigns to
`result` is the answer. `sh` answers [exit code, what was written]. Each request has a thread of its own: a slow one delays nobody.
"""

import json
import subprocess
import threading
import time
import traceback
from pathlib import Path

PORT = Path("/dev/virtio-ports/control")


def carry_out(request):
    if "sh" in request:
        done = subprocess.run(
            ["/bin/sh", "-c", request["sh"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=request.get("timeout", 60),
            check=False,
        )
        return [done.returncode, done.stdout.decode(errors="replace")]
    names = dict(request.get("names", {}))
    exec(request["python"], names)
    return names.get("result")


def main():
    while not PORT.exists():
        time.sleep(0.02)
    lock = threading.Lock()
    with PORT.open("r+b", buffering=0) as port:

        def answer(body):
            data = memoryview(json.dumps(body).encode() + b"\n")
            with lock:
                while data:
                    data = data[port.write(data) :]

        def work(request):
            try:
                answer({"id": request["id"], "ok": carry_out(request)})
            except BaseException as error:  # noqa: BLE001  every request is answered
                answer({"id": request["id"], "error": f"{error!r}\n{traceback.format_exc()[-1500:]}"})

        answer({"id": 0, "ok": time.monotonic()})
        half = b""
        while True:
            data = port.read(65536)
            if not data:  # nobody at the other end
                time.sleep(0.05)
                continue
            *lines, half = (half + data).split(b"\n")
            for line in lines:
                if line.strip():
                    threading.Thread(target=work, args=(json.loads(line),), daemon=True).start()


main()
