"""A member of the fleet in Python, with the standard library only.

    SIGNING_SECRET=whsec_... python3 agent.py PORT TENANT/ID

It prints a line of JSON for each call, and ends when its standard input does.
"""
import base64, hashlib, hmac, json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = base64.b64decode(os.environ["SIGNING_SECRET"][len("whsec_"):])
NAME = sys.argv[2]
PRINTING = threading.Lock()


def is_signed(headers, body):
    """As Standard Webhooks has it: somebody who knows the secret sent this, not long ago."""
    id, timestamp, given = (headers.get("webhook-" + name, "") for name in ("id", "timestamp", "signature"))
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > 300:
        return False
    digest = hmac.new(SECRET, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    return any(hmac.compare_digest(expected, one) for one in given.split(" "))


def tell(line):
    with PRINTING:
        print(line, flush=True)


class Agent(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not is_signed(self.headers, body):
            return self.answer(401, {"code": "signature_invalid", "detail": "the signature does not match"})
        call = json.loads(body)
        key = self.headers.get("idempotency-key", "")
        tell(json.dumps({"task": call["task_id"], "step": call["step_id"], "attempt": call["attempt"], "key": key,
                         "at": time.time() * 1000, "atOnce": 1}))
        time.sleep(0.02)
        text = json.dumps(call["input"], sort_keys=True)
        self.answer(200, {"output": {"answer": int(hashlib.sha256(text.encode()).hexdigest()[:8], 16), "by": NAME}})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json" if status == 200 else "application/problem+json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Agent)
    threading.Thread(target=end_with_parent, daemon=True).start()
    tell("listening")
    server.serve_forever()
