"""A master key in AWS KMS: its material never leaves there; KMS itself wraps and unwraps."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from typing import Any

from app.vault.master import Binding, VaultError

ATTEMPTS = 3


@dataclass(frozen=True)
class KmsKey:
    """A master key by its id, alias or ARN in KMS. Address, region and credentials are AWS's own
    settings (AWS_ENDPOINT_URL_KMS, AWS_REGION, the usual chain of credentials)."""

    name: str
    key_id: str = field(repr=False)

    def wrap(self, data_key: bytes, binding: Binding) -> bytes:
        """Have KMS encrypt a data key. Raises VaultError where KMS can't be used."""
        answer = self._ask(
            "encrypt", KeyId=self.key_id, Plaintext=data_key, EncryptionContext=binding.context()
        )
        return bytes(answer["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, binding: Binding) -> bytes:
        """Have KMS decrypt a data key. Raises VaultError where it refuses or can't be used."""
        answer = self._ask(
            "decrypt",
            KeyId=self.key_id,
            CiphertextBlob=wrapped,
            EncryptionContext=binding.context(),
        )
        return bytes(answer["Plaintext"])

    def _ask(self, operation: str, **words: Any) -> dict[str, Any]:
        client = _client(_region(self.key_id))
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(client, operation)(**words)
        except ClientError as fault:
            raise VaultError(self._refusal(str(fault.response["Error"]["Code"]))) from None
        except BotoCoreError as fault:
            raise VaultError(
                f"AWS KMS can't be asked about the master key '{self.name}' "
                f"({type(fault).__name__}). Check the way out to it, AWS_REGION, and the AWS "
                "credentials of this process; nothing was changed."
            ) from None
        return answer

    def _refusal(self, code: str) -> str:
        if code in {"InvalidCiphertextException", "IncorrectKeyException"}:
            return (
                f"The master key '{self.name}' does not open a data key that it should have "
                f"wrapped (AWS KMS: {code}): it was swapped, or the key store was changed. Put the "
                "right key back; nothing was changed."
            )
        return (
            f"AWS KMS refuses the master key '{self.name}' ({code}). Check that the key is there "
            "and enabled, and that this process may kms:Encrypt and kms:Decrypt with it; nothing "
            "was changed."
        )


def _region(key_id: str) -> str | None:
    """The region that an ARN names, else AWS_REGION; None leaves it to AWS's own settings."""
    # Reference: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    parts = key_id.split(":")
    if parts[0] == "arn" and len(parts) > 3 and parts[3]:
        return parts[3]
    return os.environ.get("AWS_REGION") or None  # botocore reads AWS_DEFAULT_REGION alone


@functools.cache
def _client(region: str | None) -> Any:
    """A client of KMS, which threads may share. Raises VaultError without the extra."""
    try:
        from boto3.session import Session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise VaultError(
            "TANDEM_MASTER_KEYS names a key in AWS KMS, and the AWS library is not installed. "
            "Install Tandem with its extra: tandem[aws]."
        ) from None
    limits = Config(
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    try:
        return Session(region_name=region).client("kms", config=limits)
    except (BotoCoreError, ValueError) as fault:
        raise VaultError(
            f"AWS KMS can't be asked ({type(fault).__name__}). Set AWS_REGION, or name the key by "
            "its ARN."
        ) from None
