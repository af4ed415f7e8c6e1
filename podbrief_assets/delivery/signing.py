"""Sign mails with DKIM (RFC 6376).

Belongs here: the key, which headers a signature covers, and the signature.
Doesn't: the headers themselves (`render.py`), whether DNS publishes the key (`records.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import dkim
from dkim.crypto import UnparsableKeyError, parse_pem_private_key

from podbrief_assets.environment import BadSetting

# RFC 8058 wants the two List-Unsubscribe headers covered. A name that stands here twice is signed as being there once:
# whoever adds a second one on the way breaks the signature.
SIGNED_HEADERS = (
    *("from", "to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted"),
    *("from", "to", "subject", "date", "list-unsubscribe", "list-unsubscribe-post"),
)


@dataclass(frozen=True)
class DkimKey:
    """An RSA key that signs for a domain.

    Attributes:
        private_key: PEM.
        selector: The public key is published in DNS at `<selector>._domainkey.<domain>`.
        domain: The sender's, so that signature and From are aligned for DMARC.
        modulus, exponent: The public key.
    """

    private_key: bytes = field(repr=False)
    selector: str
    domain: str
    modulus: int = field(repr=False)
    exponent: int = field(repr=False)

    @classmethod
    def of(cls, private_key: bytes, selector: str, domain: str) -> Self:
        """The key in a PEM file.

        Raises:
            BadSetting: it is none, or has fewer bits than receivers accept.
        """
        remedy = "make one with `openssl genrsa -out dkim.pem 2048`"
        try:
            numbers = parse_pem_private_key(private_key)
        except (UnparsableKeyError, ValueError) as error:
            raise BadSetting("the DKIM key's file holds no RSA private key in PEM form", remedy) from error
        modulus = int(numbers["modulus"])
        if modulus.bit_length() < 1_024:
            raise BadSetting(f"the DKIM key has {modulus.bit_length()} bits, too few to be believed", remedy)
        return cls(private_key, selector, domain, modulus, int(numbers["publicExponent"]))


def signed(content: bytes, key: DkimKey) -> bytes:
    """`content`, a mail with CRLF line ends, behind its DKIM-Signature. It takes 10 ms with 2,048 bits."""
    signature: bytes = dkim.sign(
        content,
        key.selector.encode(),
        key.domain.encode(),
        key.private_key,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[name.encode() for name in SIGNED_HEADERS],
    )
    return signature + content
