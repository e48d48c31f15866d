"""Encrypted connections: what is verified, and what to change when the verification fails."""

import ssl
from pathlib import Path

RECIPE = "docs/deployment.md, A private authority"
OTHER_NAME = (62, 64)
"""OpenSSL's codes for a certificate of another host name, and of another IP address."""
WRONG_FORM = range(79, 95)
"""OpenSSL's codes for a certificate without the extensions that strict verification requires."""
LOST = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class TLSContext(ssl.SSLContext):
    """Verifies certificates as Python 3.13 and later do by default, on every Python.

    The certificate must be for `server_name`, or for the host of the connection if it is empty.
    """

    server_name = ""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        name = self.server_name or server_hostname
        return super().wrap_bio(incoming, outgoing, server_side, name, session)


def create_context(ca_file: Path, server_name: str) -> TLSContext:
    """Return a context that trusts the authorities in `ca_file` and no others."""
    context = TLSContext(ssl.PROTOCOL_TLS_CLIENT)  # it requires a certificate for the right name
    context.server_name = server_name
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.load_verify_locations(ca_file)
    return context


def explain(error: BaseException, prefix: str) -> str | None:
    """Return what to change if an error comes from the settings of TLS, else None.

    `prefix` begins the names of the server's settings: `POSTGRES`.
    """
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:  # causes may form a circle
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    cause = next((cause for cause in seen if isinstance(cause, ssl.SSLError)), None)
    if cause is None or isinstance(cause, LOST):
        return None
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return f"The encryption fails: correct {prefix}_PORT, or remove {prefix}_TLS_CA_FILE"
    if cause.verify_code in OTHER_NAME:
        return f"The certificate is for another name: set {prefix}_TLS_SERVER_NAME to its name"
    if cause.verify_code in WRONG_FORM:
        return f"{cause.verify_message}: create the authority and the certificate as in {RECIPE}"
    return (
        f"{cause.verify_message}: renew the server's certificate, or set {prefix}_TLS_CA_FILE to"
        " the authority that issued it"
    )
