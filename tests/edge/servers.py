"""Servers at the other end of a call: each connection is answered byte by byte as a test likes."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[socket.socket], None]


@dataclass
class Server:
    """Where it listens, and what it saw."""

    port: int
    met: list[str] = field(default_factory=list)  # the address that each connection came to
    asked: list[bytes] = field(default_factory=list)  # the head of each request
    names: list[str | None] = field(default_factory=list)  # the name that each TLS hello gave


def ok(body: bytes = b"{}", *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def saying(*parts: bytes) -> Answer:
    """An answer that is sent at once."""
    return lambda wire: wire.sendall(b"".join(parts))


@contextlib.contextmanager
def serve(
    answer: Answer,
    *,
    address: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    read_head: bool = True,
) -> Iterator[Server]:
    """A server for the time of the block; every request of a connection gets `answer`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family, backlog=16) as listener:
        server = Server(listener.getsockname()[1])
        if tls is not None:
            tls.sni_callback = lambda _sock, name, _context: server.names.append(name)

        def talk(wire: socket.socket) -> None:
            # Who is cut off by the client has done his part.
            with contextlib.suppress(OSError), wire:
                server.met.append(wire.getsockname()[0])
                spoken = tls.wrap_socket(wire, server_side=True) if tls else wire
                with spoken:
                    while not read_head or _head(spoken, server):
                        answer(spoken)
                        if not read_head:
                            return

        def accept() -> None:
            while True:
                try:
                    wire, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(wire,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _head(wire: socket.socket, server: Server) -> bool:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        one = wire.recv(1)
        if not one:
            return False
        head += one
    server.asked.append(head)
    return True


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test, and what it signs."""

    ca: Path
    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def context(self, *hosts: str) -> ssl.SSLContext:
        """The server's side of TLS, with a certificate for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(key, "a server", self.certificate.subject, self.key, hosts)
        path = self.folder / f"{certificate.serial_number}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def make_authority(folder: Path) -> Authority:
    """A new authority, whose certificate is a file in the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, "an authority", None, key, ())
    path = folder / "ca.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(path, folder, key, certificate)


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    name: str,
    issuer: x509.Name | None,
    signer: ec.EllipticCurvePrivateKey,
    hosts: tuple[str, ...],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    authority = issuer is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if hosts:
        names = [_general_name(host) for host in hosts]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
