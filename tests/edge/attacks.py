"""Attacks on the edge, as data: name, door, how it is made, and the answer that it must get.

ATTACKS holds every attack on every door that it makes sense for; test_attacks.py makes them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.connect.qsh import CONTEXT
from tests.edge.jira import BASE_URL, KEY_ID, Jira

HOME = "/pages/home?xdm_e=https%3A%2F%2Facme.example.test&cp=&lic=none"
DEAD_SECRET = "the-secret-before-the-one-of-today".ljust(64, ".")


class Endpoint(NamedTuple):
    """A door of the edge, and what it takes as proof."""

    method: str
    target: str
    proof: str

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


INSTALLED = Endpoint("POST", "/lifecycle/installed", "lifecycle")
UNINSTALLED = Endpoint("POST", "/lifecycle/uninstalled", "lifecycle")
ENABLED = Endpoint("POST", "/lifecycle/enabled", "site")
DISABLED = Endpoint("POST", "/lifecycle/disabled", "site")
WEBHOOK = Endpoint("POST", "/webhooks/jira", "site")
PAGE = Endpoint("GET", HOME, "page")
OVERVIEW = Endpoint("GET", "/pages/parts/overview", "context")
PROFILES = Endpoint("GET", "/pages/profiles", "context")

LIFECYCLE = (INSTALLED, UNINSTALLED)
SITE = (ENABLED, DISABLED, WEBHOOK)
PEOPLE = (PAGE, OVERVIEW, PROFILES)
ALL = LIFECYCLE + SITE + PEOPLE


@dataclass
class World:
    """The app under attack, and sites in every state."""

    alpha: Jira
    beta: Jira
    gone: Jira  # uninstalled
    off: Jira  # disabled
    moved: Jira  # installed again with a new secret
    dump: Callable[[], list[tuple[str, str]]]


@dataclass(frozen=True)
class Call:
    """One request, as an attacker sends it."""

    token: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[str, ...] = ()  # raw pairs, added to the target's
    body: Any = None  # bytes, or what is sent as JSON; None: what the endpoint expects
    content_type: str = "application/json"
    site: Jira | None = field(default=None)  # whose body it is; alpha's by default


Make = Callable[[World, Endpoint], Call]


class Attack(NamedTuple):
    """A name, the door, how it is made, and the answer that it must get."""

    name: str
    endpoint: Endpoint
    make: Make
    status: int = 401

    def __str__(self) -> str:
        return f"{self.name} @ {self.endpoint.path}"


# How tokens are made


def encode(part: bytes | dict[str, Any]) -> bytes:
    """One part of a token."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def forge(header: bytes | dict[str, Any], claims: bytes | dict[str, Any], key: str | bytes) -> str:
    """A token signed by hand with HMAC-SHA256, whatever its header says."""
    secret = key.encode() if isinstance(key, str) else key
    text = encode(header) + b"." + encode(claims)
    return (text + b"." + encode(hmac.new(secret, text, hashlib.sha256).digest())).decode()


def good_claims(site: Jira, door: Endpoint, **changed: Any) -> dict[str, Any]:
    """The claims of a good token for this door; `changed` replaces, None removes."""
    more: dict[str, Any] = {
        "lifecycle": {"aud": BASE_URL},
        "site": {},
        "page": {"sub": "admin"},
        "context": {"sub": "admin", "qsh": CONTEXT},
    }[door.proof]
    return site.claims(door.method, door.target, **(more | changed))


def sign(site: Jira, door: Endpoint, claims: dict[str, Any], **header: Any) -> str:
    """Those claims, signed as this door expects it."""
    raw = json.dumps(claims).encode()  # PyJWT signs no claims that it finds odd
    if door.proof == "lifecycle":
        headers = {"kid": KEY_ID} | header
        return jwt.api_jws.encode(raw, site.keys.private, algorithm="RS256", headers=headers)
    return jwt.api_jws.encode(raw, site.secret, algorithm="HS256", headers=header)


def good(site: Jira, door: Endpoint, **changed: Any) -> str:
    """A good token for this door, but for what is changed."""
    return sign(site, door, good_claims(site, door, **changed))


def seconds(away: int) -> int:
    """A time, by its distance from now."""
    return int(time.time()) + away


def stranger_key() -> str:
    """A private key that is not Atlassian's."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


STRANGER = stranger_key()


def by_stranger(world: World, door: Endpoint, **header: Any) -> str:
    """The right claims by the wrong key, with the algorithm that the door expects."""
    claims = good_claims(world.alpha, door)
    if door.proof == "lifecycle":
        return jwt.encode(claims, STRANGER, algorithm="RS256", headers={"kid": KEY_ID} | header)
    return jwt.encode(claims, "the-secret-of-a-stranger".ljust(64, "."), "HS256", headers=header)


def of_alg(alg: object, *, keep_signature: bool = False, **header: Any) -> Make:
    """Another `alg` in the header: unsigned, or with the signature of the good token."""

    def make(world: World, door: Endpoint) -> Call:
        token = good(world.alpha, door)
        _, claims, signature = token.split(".")
        head = encode({"typ": "JWT", "kid": KEY_ID} | ({} if alg is None else {"alg": alg}))
        return Call(f"{head.decode()}.{claims}.{signature if keep_signature else ''}")

    return make


def of_claims(**changed: Any) -> Make:
    """A well-signed token with other claims; a function gets the world."""

    def make(world: World, door: Endpoint) -> Call:
        made = {k: v(world, door) if callable(v) else v for k, v in changed.items()}
        return Call(good(world.alpha, door, **made))

    return make


def of_header(**header: Any) -> Make:
    """A stranger's signature, with a header that would lead to the stranger's key."""
    return lambda world, door: Call(by_stranger(world, door, **header))


def of_text(change: Callable[[str], str]) -> Make:
    """A good token whose text is changed."""
    return lambda world, door: Call(change(good(world.alpha, door)))


def signed_with(key: Callable[[World], str | bytes]) -> Make:
    """The right claims in HS256 by another secret."""
    return lambda world, door: Call(
        forge({"alg": "HS256", "typ": "JWT"}, good_claims(world.alpha, door), key(world))
    )


def of_key_id(kid: object) -> Make:
    """A lifecycle token by Atlassian's key, that names another id."""

    def make(world: World, door: Endpoint) -> Call:
        claims = encode(good_claims(world.alpha, door))
        head = {"alg": "RS256", "typ": "JWT"} | ({} if kid is None else {"kid": kid})
        text = encode(head) + b"." + claims
        algorithm = jwt.get_algorithm_by_name("RS256")
        signature = algorithm.sign(text, algorithm.prepare_key(world.alpha.keys.private))
        return Call((text + b"." + encode(signature)).decode())

    return make


def flip(token: str, part: int) -> str:
    """One character of a part changed for another."""
    parts = token.split(".")
    text = parts[part]
    middle = len(text) // 2
    parts[part] = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
    return ".".join(parts)


def header_call(*values: str, name: str = "Authorization", query: tuple[str, ...] = ()) -> Make:
    """Headers and query as given; {} stands for a good token."""

    def make(world: World, door: Endpoint) -> Call:
        token = good(world.alpha, door)
        return Call(
            headers=tuple((name, value.replace("{}", token)) for value in values),
            query=tuple(pair.replace("{}", token) for pair in query),
        )

    return make


def public_key_as_secret(world: World, door: Endpoint) -> Call:
    """RS256's public key used as an HMAC secret."""
    head = {"alg": "HS256", "typ": "JWT", "kid": KEY_ID}
    return Call(forge(head, good_claims(world.alpha, door), world.alpha.keys.public))


def mislabelled(world: World, door: Endpoint) -> Call:
    """The same, with RS256 in the header."""
    head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
    return Call(forge(head, good_claims(world.alpha, door), world.alpha.keys.public))


def for_door(other: Endpoint, **changed: Any) -> Make:
    """A good token of another door."""
    return lambda world, door: Call(good(world.alpha, other, **changed))


def by_site(name: str, secret: str | None = None) -> Make:
    """A good call of another site of the world, perhaps with another secret."""

    def make(world: World, door: Endpoint) -> Call:
        site: Jira = getattr(world, name)
        signer = replace(site, secret=secret) if secret else site
        return Call(good(signer, door), site=site)

    return make


def alphas_secret_in_betas_name(world: World, door: Endpoint) -> Call:
    """The classic: any site's secret, to speak for any other."""
    claims = good_claims(world.beta, door)
    return Call(jwt.encode(claims, world.alpha.secret, "HS256"), site=world.beta)


def alphas_token_for_betas_body(world: World, door: Endpoint) -> Call:
    """A token of one site with the body of another."""
    return Call(good(world.alpha, door), site=world.beta)


TOKENS: dict[str, Make] = {
    "no token": lambda w, d: Call(),
    "an empty token": header_call("JWT "),
    "a scheme alone": header_call("JWT"),
    "letters": lambda w, d: Call("x" * 50),
    "10,000 letters": lambda w, d: Call("x" * 10_000),
    "three parts of nothing": lambda w, d: Call(".."),
    "three parts of letters": lambda w, d: Call("abcd.abcd.abcd"),
    "alg none": of_alg("none"),
    "alg None": of_alg("None"),
    "alg NONE": of_alg("NONE"),
    "alg nOnE": of_alg("nOnE"),
    "alg none with a good signature": of_alg("none", keep_signature=True),
    "no alg": of_alg(None, keep_signature=True),
    "an empty alg": of_alg("", keep_signature=True),
    "a list of algs": of_alg(["HS256", "RS256"], keep_signature=True),
    "alg true": of_alg(True, keep_signature=True),
    "alg hs256 in small letters": of_alg("hs256", keep_signature=True),
    "alg HS384": of_alg("HS384", keep_signature=True),
    "alg ES256": of_alg("ES256", keep_signature=True),
    "alg PS256": of_alg("PS256", keep_signature=True),
    "a stranger's signature": lambda w, d: Call(by_stranger(w, d)),
    "no signature": of_text(lambda t: t.rpartition(".")[0] + "."),
    "no signature and no dot": of_text(lambda t: t.rpartition(".")[0]),
    "half a signature": of_text(lambda t: t[: -len(t.rpartition(".")[2]) // 2]),
    "a changed signature": of_text(lambda t: flip(t, 2)),
    "changed claims": of_text(lambda t: flip(t, 1)),
    "a changed header": of_text(lambda t: flip(t, 0)),
    "trailing letters": of_text(lambda t: t + "AAAA"),
    "a trailing dot": of_text(lambda t: t + "."),
    "a fourth part": of_text(lambda t: t + ".AAAA"),
    "a fourth and a fifth part": of_text(lambda t: t + ".AAAA.AAAA"),
    "a leading dot": of_text(lambda t: "." + t),
    "a doubled dot": of_text(lambda t: t.replace(".", "..", 1)),
    "padding": of_text(lambda t: t + "=" * (-len(t.rpartition(".")[2]) % 4 or 4)),
    "padding in the claims": of_text(
        lambda t: ".".join(p + "=" * (-len(p) % 4) for p in t.split(".")) + "="
    ),
    "a blank inside": of_text(lambda t: t.replace(".", ". ", 1)),
    "a tab inside": of_text(lambda t: t.replace(".", "\t.", 1)),
    "plus and slash for base64url": of_text(lambda t: t[:-2] + "+/"),
    "letters beyond ASCII": of_text(lambda t: t[:-1] + "é"),
    "another scheme": header_call("Bearer {}"),
    "basic credentials": header_call("Basic {}"),
    "a scheme in small letters": header_call("jwt {}"),
    "a tab after the scheme": header_call("JWT\t{}"),
    "no scheme": header_call("{}"),
    "the scheme twice": header_call("JWT JWT {}"),
    "two tokens in one header": header_call("JWT {}, JWT {}"),
    "two tokens with a comma": header_call("JWT {},{}"),
    "a parameter after the token": header_call("JWT {}, realm=x"),
    "two headers": header_call("JWT {}", "JWT {}"),
    "two headers, the first no token": header_call("JWT x", "JWT {}"),
    "two headers, the second no token": header_call("JWT {}", "JWT x"),
    "header and query": header_call("JWT {}", query=("jwt={}",)),
    "header and empty query": header_call("JWT {}", query=("jwt=",)),
    "an empty header and the query": header_call("", query=("jwt={}",)),
    "jwt twice": header_call(query=("jwt={}", "jwt={}")),
    "jwt twice, once hidden by encoding": header_call(query=("jwt={}", "%6Awt={}")),
    "JWT in capitals in the query": header_call(query=("JWT={}",)),
    "jwt[] in the query": header_call(query=("jwt[]={}",)),
    "a line break in the query's token": header_call(query=("jwt={}%0A",)),
    "a blank before the query's token": header_call(query=("jwt=%20{}",)),
    "NUL after the query's token": header_call(query=("jwt={}%00",)),
    "a cookie": header_call("jwt={}", name="Cookie"),
    "another header's token": header_call("JWT {}", name="X-Forwarded-Authorization"),
    "a proxy's header": header_call("JWT {}", name="Proxy-Authorization"),
    "expired": of_claims(exp=lambda w, d: seconds(-60), iat=lambda w, d: seconds(-240)),
    "expired longer ago than the leeway": of_claims(exp=lambda w, d: seconds(-6)),
    "expired in 1970": of_claims(exp=0),
    "expired before 1970": of_claims(exp=-1),
    "no exp": of_claims(exp=None),
    "exp as text": of_claims(exp="4102444800"),
    "exp as a list": of_claims(exp=[4102444800]),
    "exp true": of_claims(exp=True),
    "exp beyond any calendar": of_claims(exp=10**30),
    "exp infinite": of_claims(exp=float("inf")),
    "iat in the future": of_claims(iat=lambda w, d: seconds(3600)),
    "iat just beyond the leeway": of_claims(iat=lambda w, d: seconds(30)),
    "no iat": of_claims(iat=None),
    "iat as text": of_claims(iat="0"),
    "iat as an object": of_claims(iat={}),
    "iat true": of_claims(iat=True),
    "iat not a number": of_claims(iat=float("nan")),
    "nbf in the future": of_claims(nbf=lambda w, d: seconds(3600)),
    "nbf as text": of_claims(nbf="soon"),
    "no iss": of_claims(iss=None),
    "an empty iss": of_claims(iss=""),
    "iss of nobody": of_claims(iss=lambda w, d: str(uuid.uuid4())),
    "iss of our own app": of_claims(iss="tandem"),
    "iss of another site": of_claims(iss=lambda w, d: w.beta.client_key),
    "iss as a list": of_claims(iss=lambda w, d: [w.alpha.client_key]),
    "iss as a number": of_claims(iss=7),
    "iss with NUL": of_claims(iss=lambda w, d: w.alpha.client_key + "\x00"),
    "iss with half a character": of_claims(iss="\ud800"),
    "iss with a blank": of_claims(iss=lambda w, d: w.alpha.client_key + " "),
    "iss in capitals": of_claims(iss=lambda w, d: w.alpha.client_key.upper()),
    "iss as SQL": of_claims(iss="' OR 1=1 --"),
    "iss of 4,000 letters": of_claims(iss="a" * 4000),
    "no qsh": of_claims(qsh=None),
    "an empty qsh": of_claims(qsh=""),
    "qsh as a list": of_claims(qsh=[CONTEXT]),
    "qsh true": of_claims(qsh=True),
    "qsh in capitals": of_claims(qsh=lambda w, d: good_claims(w.alpha, d)["qsh"].upper()),
    "qsh beyond ASCII": of_claims(qsh="é" * 64),
    "a public key of its own (jwk)": of_header(jwk={"kty": "oct", "k": "c2VjcmV0"}),
    "a key set of its own (jku)": of_header(jku="https://evil.example/keys"),
    "a certificate of its own (x5u)": of_header(x5u="https://evil.example/cert"),
    "a certificate in the token (x5c)": of_header(x5c=["MIIB"]),
    "kid as a file": of_header(kid="../../../../dev/null"),
    "kid as SQL": of_header(kid="x' UNION SELECT 'secret' --"),
    "an unknown rule that is critical": lambda w, d: Call(
        sign(w.alpha, d, good_claims(w.alpha, d), crit=["exp2"], exp2=1)
    ),
    "crit that is no list": lambda w, d: Call(
        sign(w.alpha, d, good_claims(w.alpha, d), crit="exp")
    ),
    "claims that are no object": lambda w, d: Call(
        forge({"alg": "HS256", "kid": KEY_ID}, b"[]", w.alpha.secret)
    ),
    "a header that is no object": lambda w, d: Call(
        forge(b'"HS256"', good_claims(w.alpha, d), w.alpha.secret)
    ),
    "claims that are no JSON": lambda w, d: Call(
        forge({"alg": "HS256", "kid": KEY_ID}, b"\xff\xfe", w.alpha.secret)
    ),
    "a deep header": lambda w, d: Call(
        forge(b'{"alg":"HS256","x":' + b"[" * 1500 + b"]" * 1500 + b"}", b"{}", w.alpha.secret)
    ),
    "deep claims": lambda w, d: Call(
        forge({"alg": "RS256", "kid": KEY_ID}, b'{"iss":' + b"[" * 2500 + b"]" * 2500 + b"}", b"x")
    ),
    "a number of 5,000 digits": lambda w, d: Call(
        forge({"alg": "HS256", "kid": KEY_ID}, b'{"exp":' + b"9" * 5000 + b"}", w.alpha.secret)
    ),
    "detached claims (b64)": lambda w, d: Call(
        forge({"alg": "HS256", "b64": False, "crit": ["b64"]}, b"", w.alpha.secret)
    ),
    "the public key as an HMAC secret": public_key_as_secret,
    "the public key as an HMAC secret, called RS256": mislabelled,
    "qsh of another path": of_claims(
        qsh=lambda w, d: w.alpha.claims(d.method, d.path + "/more")["qsh"]
    ),
    "qsh of the site's root": of_claims(qsh=lambda w, d: w.alpha.claims(d.method, "/")["qsh"]),
    "qsh of another method": of_claims(qsh=lambda w, d: w.alpha.claims("DELETE", d.target)["qsh"]),
    "qsh of another query": of_claims(
        qsh=lambda w, d: w.alpha.claims(d.method, d.path + "?evil=1")["qsh"]
    ),
}
"""Attacks by the token alone, on every door."""

QUERIES: dict[str, Make] = {
    "a parameter added": header_call("JWT {}", query=("evil=1",)),
    "an empty parameter added": header_call("JWT {}", query=("evil",)),
    "a parameter that JavaScript hides": header_call("JWT {}", query=("__proto__=1",)),
    "a parameter called jwt[0]": header_call("JWT {}", query=("jwt[0]=1",)),
}
"""The token is good for the door, not for this query. A context token names no query."""

SECRETS: dict[str, Make] = {
    "no secret": signed_with(lambda w: b""),
    "the client key as the secret": signed_with(lambda w: w.alpha.client_key),
    "the app's key as the secret": signed_with(lambda w: "tandem"),
    "another site's secret": signed_with(lambda w: w.beta.secret),
    "another site's secret in that site's name": alphas_secret_in_betas_name,
    "the secret with a line break": signed_with(lambda w: w.alpha.secret + "\n"),
    "the secret in capitals": signed_with(lambda w: w.alpha.secret.upper()),
    "HS512 by the right secret": lambda w, d: Call(
        jwt.encode(good_claims(w.alpha, d), w.alpha.secret, algorithm="HS512")
    ),
    "Atlassian's signature": lambda w, d: Call(
        sign(w.alpha, INSTALLED, good_claims(w.alpha, d, aud=BASE_URL))
    ),
    "an uninstalled site": by_site("gone"),
    "the secret before the last install": by_site("moved", DEAD_SECRET),
}

KEY_IDS: dict[str, object] = {
    "no kid": None,
    "an empty kid": "",
    "kid as a path": "../../secret",
    "kid as dots": "..",
    "kid as a dot": ".",
    "kid with a slash": f"{KEY_ID}/x",
    "kid with a leading slash": f"/{KEY_ID}",
    "kid as a URL": "https://evil.example/key",
    "kid as a host": "//evil.example/key",
    "kid with a user": "@evil.example",
    "kid with a query": f"{KEY_ID}?x",
    "kid with a fragment": f"{KEY_ID}#x",
    "kid with encoded dots": "%2e%2e",
    "kid with NUL": f"{KEY_ID}\x00",
    "kid with a line break": f"{KEY_ID}\r\nHost: evil.example",
    "kid with a trailing line break": f"{KEY_ID}\n",
    "kid with a blank": f" {KEY_ID}",
    "kid with a backslash": f"..\\{KEY_ID}",
    "kid of 5,000 letters": "k" * 5000,
    "kid of 10 KB": "k" * 10_240,
    "kid beyond ASCII": "ключ",
    "kid with half a character": "\ud800",
    "kid as a number": 7,
    "kid as a list": [KEY_ID],
    "kid as an object": {"kid": KEY_ID},
    "kid of nobody": "never-was",
}

AUDIENCES: dict[str, Any] = {
    "no aud": None,
    "an empty aud": "",
    "another app's aud": "https://other.example",
    "aud that only begins like ours": BASE_URL + ".evil.example",
    "aud with our path": BASE_URL + "/lifecycle",
    "aud over http": BASE_URL.replace("https", "http"),
    "a list without ours": ["https://other.example"],
    "an empty list": [],
    "aud as an object": {"0": BASE_URL},
    "aud as a number": 1,
    "aud true": True,
}

SUBJECTS: dict[str, Any] = {
    "no sub": None,
    "an empty sub": "",
    "sub as a number": 1,
    "sub as a list": ["admin"],
    "sub with NUL": "admin\x00",
    "sub with a line break": "admin\n",
    "sub with half a character": "\ud800",
}

LIFECYCLE_ONLY: dict[str, Make] = {
    "HS256 by the site's own secret": lambda w, d: Call(
        jwt.encode(good_claims(w.alpha, d), w.alpha.secret, "HS256", headers={"kid": KEY_ID})
    ),
    "a context token": for_door(OVERVIEW),
    "a context token for our base URL": for_door(OVERVIEW, aud=BASE_URL),
    "Atlassian's signature on a context token": lambda w, d: Call(good(w.alpha, d, qsh=CONTEXT)),
    "a page's token": for_door(PAGE),
    "a webhook's token": for_door(WEBHOOK),
    "a token of one site, a body of another": alphas_token_for_betas_body,
    "RS384 by Atlassian's key": lambda w, d: Call(
        jwt.encode(good_claims(w.alpha, d), w.alpha.keys.private, "RS384", headers={"kid": KEY_ID})
    ),
    "PS256 by Atlassian's key": lambda w, d: Call(
        jwt.encode(good_claims(w.alpha, d), w.alpha.keys.private, "PS256", headers={"kid": KEY_ID})
    ),
}

PROOFS: list[tuple[str, tuple[Endpoint, ...], Make]] = [
    ("uninstall's token", (INSTALLED,), for_door(UNINSTALLED)),
    ("install's token", (UNINSTALLED,), for_door(INSTALLED)),
    ("a context token", (*SITE, PAGE), for_door(OVERVIEW)),
    ("a page's token", (*SITE, OVERVIEW, PROFILES), for_door(PAGE)),
    ("enabled's token", (DISABLED, WEBHOOK, *PEOPLE), for_door(ENABLED)),
    ("disabled's token", (ENABLED, WEBHOOK, *PEOPLE), for_door(DISABLED)),
    ("a webhook's token", (ENABLED, DISABLED, *PEOPLE), for_door(WEBHOOK)),
    ("install's token", (*SITE, *PEOPLE), for_door(INSTALLED)),
    ("a token of one site, a body of another", (ENABLED, DISABLED), alphas_token_for_betas_body),
    ("context-qsh with a page's claims", (PAGE,), of_claims(qsh=CONTEXT)),
    ("the page's real qsh", (OVERVIEW, PROFILES), of_claims(
        qsh=lambda w, d: w.alpha.claims(d.method, d.target)["qsh"])),
    ("Context-Qsh in capitals", (OVERVIEW, PROFILES), of_claims(qsh="Context-QSH")),
    ("a disabled site", PEOPLE, by_site("off")),
]  # fmt: skip


def good_body(site: Jira, door: Endpoint) -> dict[str, Any]:
    """What Jira sends to this door."""
    if door is WEBHOOK:
        return {
            "webhookEvent": "jira:issue_deleted",
            "issue": {"id": "1", "fields": {"project": {"id": "1"}, "issuetype": {"id": "1"}}},
        }
    return site.body(door.path.rpartition("/")[2])


def body(raw: Any, content_type: str = "application/json") -> Make:
    """A well-signed call with this body."""
    return lambda world, door: Call(good(world.alpha, door), body=raw, content_type=content_type)


def altered(change: Callable[[str], str]) -> Make:
    """A well-signed call whose good body is changed as text."""
    return lambda world, door: Call(
        good(world.alpha, door), body=change(json.dumps(good_body(world.alpha, door))).encode()
    )


BODIES: list[tuple[str, int, Make]] = [
    ("a body over the limit", 413, body(b" " * (5 * 1024 * 1024 + 1))),
    ("plain text", 415, body(b"{}", "text/plain")),
    ("a form", 415, body(b"key=tandem", "application/x-www-form-urlencoded")),
    ("XML", 415, body(b"<installed/>", "application/xml")),
    ("no content type", 415, body(b"{}", "")),
    ("an empty body", 400, body(b"")),
    ("blanks", 400, body(b"   ")),
    ("no JSON", 400, body(b"not json")),
    ("a list", 400, body(b"[]")),
    ("a text", 400, body(b'"installed"')),
    ("null", 400, body(b"null")),
    ("an empty object", 400, body(b"{}")),
    ("two objects", 400, altered(lambda t: t + t)),
    ("a comma too many", 400, altered(lambda t: t[:-1] + ",}")),
    ("a comment", 400, altered(lambda t: t + "//")),
    ("deep objects", 400, body(b'{"a":' * 100_000)),
    ("deep lists", 400, body(b"[" * 100_000)),
    ("closed deep lists", 400, altered(lambda t: t[:-1] + ',"x":' + "[" * 9999 + "]" * 9999 + "}")),
    ("deep objects up to the limit", 400, body(b'{"":' * 1_200_000)),
    ("a key twice", 400, altered(lambda t: t[:-1] + ',"x":1,"x":2}')),
    ("a key twice, once encoded", 400, altered(lambda t: t[:-1] + ',"x":1,"\\u0078":2}')),
    ("a key twice, far below", 400, altered(lambda t: t[:-1] + ',"x":[{"y":{"z":1,"z":1}}]}')),
    ("the client key twice", 400, altered(
        lambda t: '{"clientKey":"a","webhookEvent":"a",' + t[1:-1]
        + ',"clientKey":"b","webhookEvent":"b"}')),
    ("NaN", 400, altered(lambda t: t[:-1] + ',"x":NaN}')),
    ("Infinity", 400, altered(lambda t: t[:-1] + ',"x":[-Infinity]}')),
    ("a number beyond a float", 400, altered(lambda t: t[:-1] + ',"x":1e999}')),
    ("a number of 5,000 digits", 400, altered(lambda t: t[:-1] + ',"x":' + "9" * 5000 + "}")),
    ("a raw NUL", 400, altered(lambda t: t[:-1] + ',"x":"\x00"}')),
    ("a NUL after the body", 400, altered(lambda t: t + "\x00")),
    ("a byte order mark", 400, altered(lambda t: "\ufeff" + t)),
    ("bytes that are no UTF-8", 400, body(b'{"x":"\xff\xfe"}')),
    ("an overlong form", 400, body(b'{"x":"\xc0\xaf"}')),
    ("half a character in UTF-8", 400, body(b'{"x":"\xed\xa0\x80"}')),
    ("UTF-16", 400, lambda w, d: Call(
        good(w.alpha, d), body=json.dumps(good_body(w.alpha, d)).encode("utf-16"))),
    ("UTF-32", 400, lambda w, d: Call(
        good(w.alpha, d), body=json.dumps(good_body(w.alpha, d)).encode("utf-32-le"))),
    ("a compressed body", 400, body(b"\x1f\x8b\x08\x00")),
]  # fmt: skip


def fields_of(**changed: Any) -> Make:
    """A well-signed call with other fields in its body; a function gets the world."""

    def make(world: World, door: Endpoint) -> Call:
        made = {k: v(world) if callable(v) else v for k, v in changed.items()}
        whole = {k: v for k, v in (good_body(world.alpha, door) | made).items() if v is not None}
        return Call(good(world.alpha, door), body=whole)

    return make


FIELDS: list[tuple[str, tuple[Endpoint, ...], int, Make]] = [
    ("another app's key", (*LIFECYCLE, ENABLED, DISABLED), 400, fields_of(key="tandem-two")),
    ("no app key", (*LIFECYCLE, ENABLED, DISABLED), 400, fields_of(key=None)),
    ("the app key as a list", (*LIFECYCLE, ENABLED, DISABLED), 400, fields_of(key=["tandem"])),
    ("no client key", (*LIFECYCLE, ENABLED, DISABLED), 400, fields_of(clientKey=None)),
    ("a client key with NUL", (*LIFECYCLE, ENABLED, DISABLED), 400, fields_of(clientKey="a\0b")),
    ("a client key of 300 letters", LIFECYCLE, 400, fields_of(clientKey="a" * 300)),
    ("another site's client key", (*LIFECYCLE, ENABLED, DISABLED), 401, fields_of(
        clientKey=lambda w: w.beta.client_key)),
    ("an unknown event", (*LIFECYCLE, ENABLED, DISABLED), 400, fields_of(eventType="migrated")),
    ("another product", (INSTALLED,), 400, fields_of(productType="confluence")),
    ("no secret", (INSTALLED,), 400, fields_of(sharedSecret=None)),
    ("a short secret", (INSTALLED,), 400, fields_of(sharedSecret="short")),
    ("a secret of 2,000 letters", (INSTALLED,), 400, fields_of(sharedSecret="s" * 2000)),
    ("a secret with NUL", (INSTALLED,), 400, fields_of(sharedSecret="s" * 20 + "\0")),
    ("an address over http", (INSTALLED,), 400, fields_of(baseUrl="http://acme.example.test")),
    ("a script for an address", (INSTALLED,), 400, fields_of(baseUrl="javascript:alert(1)")),
    ("a file for an address", (INSTALLED,), 400, fields_of(baseUrl="file:///etc/passwd")),
    ("an address with a user", (INSTALLED,), 400, fields_of(baseUrl="https://a:b@acme.example")),
    ("an address with a query", (INSTALLED,), 400, fields_of(baseUrl="https://acme.example/?a")),
    ("an address with a line break", (INSTALLED,), 400, fields_of(
        baseUrl="https://acme.example\r\nX: y")),
    ("an unknown webhook", (WEBHOOK,), 400, fields_of(webhookEvent="jira:everything_deleted")),
    ("no webhook's name", (WEBHOOK,), 400, fields_of(webhookEvent=None)),
    ("an issue that is no object", (WEBHOOK,), 400, fields_of(issue=[])),
    ("an issue id as SQL", (WEBHOOK,), 400, fields_of(issue={"id": "1; --", "fields": {}})),
    ("a disabled site's webhook", (WEBHOOK,), 403, by_site("off")),
]  # fmt: skip


def every_attack() -> Iterator[Attack]:
    """Each attack on each door that it is meant for."""
    for (name, make), door in itertools.product(TOKENS.items(), ALL):
        yield Attack(name, door, make)
    for (name, make), door in itertools.product(QUERIES.items(), (*LIFECYCLE, *SITE, PAGE)):
        yield Attack(name, door, make)
    for (name, make), door in itertools.product(SECRETS.items(), SITE + PEOPLE):
        yield Attack(name, door, make)
    for (name, kid), door in itertools.product(KEY_IDS.items(), LIFECYCLE):
        yield Attack(name, door, of_key_id(kid))
    for (name, aud), door in itertools.product(AUDIENCES.items(), LIFECYCLE):
        yield Attack(name, door, of_claims(aud=aud))
    for (name, sub), door in itertools.product(SUBJECTS.items(), PEOPLE):
        yield Attack(name, door, of_claims(sub=sub))
    for (name, make), door in itertools.product(LIFECYCLE_ONLY.items(), LIFECYCLE):
        yield Attack(name, door, make)
    for name, doors, make in PROOFS:
        for door in doors:
            yield Attack(name, door, make)
    for (name, status, make), door in itertools.product(BODIES, LIFECYCLE + SITE):
        yield Attack(name, door, make, status)
    for name, doors, status, make in FIELDS:
        for door in doors:
            yield Attack(name, door, make, status)


ATTACKS = list(every_attack())
