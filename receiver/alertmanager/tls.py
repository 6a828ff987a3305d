"""The certificates of one source: whom to trust, and who we are to it."""

import ssl
from dataclasses import dataclass
from pathlib import Path


class BadTls(ValueError):
    """Files that make no TLS connection; ``key`` is the one to correct, the message the cure."""

    def __init__(self, key: str, seen: str, cure: str) -> None:
        super().__init__(f"{key}: {seen}: {cure}")
        self.key = key
        self.seen = seen
        self.cure = cure


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files: the authorities trusted in place of the system's, our certificate, its key.

    ``server_name`` is whom the server's certificate must name, where that is not the URL's host.
    There is no way to trust any certificate: who could read the answers could also forge them,
    and with them the end of every alert.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""


def context_of(tls: Tls) -> ssl.SSLContext:
    """Return what connections are made with; the files are read now, and not again.

    Raises:
        BadTls: a file cannot be read, holds something else, or the key is another certificate's.

    """
    context = _trusting(tls.ca_file)
    if tls.cert_file is None and tls.key_file is None:
        return context
    for key, path in (("cert_file", tls.cert_file), ("key_file", tls.key_file)):
        if path is None:
            raise BadTls(key, "nothing", f"set {key} too: a certificate needs its key")
        _readable(key, path)
    try:
        # An encrypted key would be asked for its password on the terminal; an empty one is wrong.
        context.load_cert_chain(str(tls.cert_file), str(tls.key_file), password="")
    except (ssl.SSLError, ValueError) as wrong:
        if getattr(wrong, "reason", "") == "KEY_VALUES_MISMATCH":
            raise BadTls("key_file", "another key", "name the key of cert_file") from None
        cure = "name PEM files of a certificate and its key, without a password"
        raise BadTls("cert_file", "no certificate with a key", cure) from None
    return context


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return ssl.create_default_context()
    _readable("ca_file", ca_file)
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except ssl.SSLError:
        cure = "name a PEM file of the authorities to trust"
        raise BadTls("ca_file", "no certificate", cure) from None


def _readable(key: str, path: Path) -> None:
    try:
        if not path.is_file():  # reading a pipe or a device might never end
            raise BadTls(key, f"'{path}'", "name a file that exists")
        with path.open("rb"):
            return
    except (OSError, ValueError) as wrong:
        if isinstance(wrong, BadTls):
            raise
        why = getattr(wrong, "strerror", None) or str(wrong)
        raise BadTls(key, f"'{path}'", f"name a file that the service may read: {why}") from None
