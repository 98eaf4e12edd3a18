"""A provider of OpenID Connect over TLS, with PKCE and codes that count once, where ada logs in."""

import base64
import hashlib
import http.server
import json
import secrets
import threading
import time
from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

AUDIENCE, CLIENT, SECRET = "serve-app", "console", "s3cret"


class OpenIdProvider(http.server.ThreadingHTTPServer):
    """`wrong` changes claims of its ID tokens, `access` those of its access tokens."""

    daemon_threads = True

    def __init__(self, context, redirect_uri):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"https://127.0.0.1:{self.server_port}"
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.redirect_uri, self.codes, self.key = redirect_uri, {}, ec.generate_private_key(
            ec.SECP256R1()
        )  # fmt: skip
        self.wrong, self.access, self.exchanges, self.is_down = {}, {}, [], False

    def jwks(self):
        body = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**body, "kid": "k", "use": "sig", "alg": "ES256"}]}

    def description(self):
        return {
            "issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks",
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip

    def authorize(self, query):
        """Let ada in, and give the address where her browser goes on."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["redirect_uri"] == self.redirect_uri
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.issuer}
        return f"{self.redirect_uri}?{urlencode(answer)}"

    def tokens(self, form):
        """Tokens for a code, once, to whom it was given; else the error."""
        self.exchanges.append(form)
        query = self.codes.pop(form.get("code"), None)
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        ).decode().rstrip("=")  # fmt: skip
        if (
            query is None
            or form["redirect_uri"] != query["redirect_uri"]
            or challenge != query["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        if form.get("client_id") != CLIENT or form.get("client_secret") != SECRET:
            return 401, {"error": "invalid_client"}
        now_s = int(time.time())
        common = {"iss": self.issuer, "sub": "ada", "iat": now_s, "exp": now_s + 600}
        identity = {**common, "aud": CLIENT, "nonce": query["nonce"], **self.wrong}
        access = {**common, "aud": AUDIENCE, "scope": "read admin:weights", **self.access}
        return 200, {
            "token_type": "Bearer",
            "id_token": self._signed(identity),
            "access_token": self._signed(access),
        }

    def _signed(self, claims):
        body = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(body, self.key, "ES256", headers={"kid": "k"})

    def handle_error(self, request, client_address):
        """Browsers of tests go away as they like."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, parts = self.server, urlsplit(self.path)
        if parts.path == "/authorize":
            query = {name: one for name, (one,) in parse_qs(parts.query).items()}
            self.send_response(302)
            self.send_header("location", server.authorize(query))
            self.send_header("content-length", "0")
            self.end_headers()
        elif server.is_down:
            self._answer(503, {})
        elif parts.path == "/.well-known/openid-configuration":
            self._answer(200, server.description())
        else:
            self._answer(200, server.jwks())

    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: one for name, (one,) in parse_qs(text).items()}
        self._answer(*((503, {}) if self.server.is_down else self.server.tokens(form)))

    def _answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing on the screen."""


@contextmanager
def openid_provider(context, redirect_uri):
    server = OpenIdProvider(context, redirect_uri)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
