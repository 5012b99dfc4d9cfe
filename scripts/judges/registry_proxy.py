"""A registry proxy that asks for the embedded ECR's token and makes trouble on demand."""

import base64
import http.client
import http.server
import json
import re
import socketserver
import threading
import time


class Trouble:
    """What goes wrong next. Every field is read for each request."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.expired = 0  # tokens up to this number are no longer taken
        self.expire_after_uploads = None  # uploads after which the current token is no longer taken
        self.cut_uploads = 0  # uploads whose connection is cut in the middle
        self.status = []  # statuses to answer the next uploads with
        self.slow = 0.0  # seconds that an upload takes
        self.immutable = False  # tags cannot be moved
        self.hide = False  # tags are not shown to those who look, as in a race
        self.uploads = 0
        self.tokens = set()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message, headers=()):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, [("Content-Type", "application/json"), *headers])

    def token(self):
        given = self.headers.get("Authorization", "")
        try:
            text = base64.b64decode(given.removeprefix("Basic ")).decode()
        except ValueError:
            return None
        found = re.fullmatch(r"AWS:rehearsal-token-(\d+)", text)
        return int(found[1]) if found else None

    def handle_any(self):
        trouble = self.server.trouble
        upload = self.command == "PATCH"
        if upload and trouble.cut_uploads > 0:
            trouble.cut_uploads -= 1
            self.rfile.read1(1024)
            self.close_connection = True
            self.connection.shutdown(2)
            return
        body = self.body()
        token = self.token()
        looking = self.headers.get("User-Agent") is None
        if token is None or (token <= trouble.expired and not looking):
            said = "Your authorization token has expired. Reauthenticate and try again."
            challenge = [("WWW-Authenticate", 'Basic realm="ecr",service="ecr.amazonaws.com"')]
            if token is None:
                return self.error(401, "UNAUTHORIZED", "authentication required", challenge)
            return self.error(403, "DENIED", said)
        trouble.tokens.add(token)
        if upload:
            trouble.uploads += 1
            time.sleep(trouble.slow)
            if trouble.expire_after_uploads is not None and trouble.uploads > trouble.expire_after_uploads:
                trouble.expire_after_uploads = None
                trouble.expired = token
                return self.error(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
            if trouble.status:
                status = trouble.status.pop(0)
                return self.error(status, "TOOMANYREQUESTS" if status == 429 else "UNKNOWN", "trouble")
        manifest = re.fullmatch(r"/v2/(.+)/manifests/([^:]+)", self.path)
        if manifest and looking and trouble.hide:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if manifest and self.command == "PUT" and trouble.immutable:
            trouble.hide = False
            if self.forward("HEAD", b"")[0] == 200:
                name, tag = manifest.groups()
                return self.error(
                    400,
                    "TAG_INVALID",
                    f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten "
                    "because the repository is immutable.",
                )
        status, headers, data = self.forward(self.command, body)
        kept = [(n, v) for n, v in headers if n.lower() not in ("content-length", "transfer-encoding", "connection")]
        if self.command == "HEAD":
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            return
        self.answer(status, data, kept)

    def forward(self, command, body):
        upstream = http.client.HTTPConnection(*self.server.upstream, timeout=60)
        headers = {n: v for n, v in self.headers.items()
                   if n.lower() not in ("transfer-encoding", "content-length", "authorization", "connection", "expect")}
        if command in ("PATCH", "PUT", "POST"):
            headers["Content-Length"] = str(len(body))
        upstream.request(command, self.path, body if body else None, headers)
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        return answer.status, answer.getheaders(), data

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any


class Proxy(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), Handler)
        host, port = upstream.split(":")
        self.upstream = (host, int(port))
        self.trouble = Trouble()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def name(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_):
        pass
