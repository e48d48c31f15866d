"""The settings of a server: its address, and the certificate that it must show."""

from pathlib import Path
from ssl import SSLContext, SSLError

from pydantic import FilePath, ValidationInfo, field_validator

from src.utils.setting_limits import Host, Port
from src.utils.settings import SettingsGroup
from src.utils.tls import create_context


class ServerSettings(SettingsGroup):
    """A server. Connections are encrypted if `tls_ca_file` names the authority to trust.

    The certificate must be for `tls_server_name`, or for `host` if there is none.
    """

    host: Host = "localhost"
    port: Port
    tls_ca_file: FilePath | None = None
    tls_server_name: str = ""

    @field_validator("tls_ca_file")
    @classmethod
    def _is_authority(cls, file: Path | None) -> Path | None:
        if file is not None:
            try:
                create_context(file, "")
            except SSLError:
                raise ValueError("holds no certificate in the PEM format") from None
        return file

    @field_validator("tls_server_name")
    @classmethod
    def _has_use(cls, name: str, info: ValidationInfo) -> str:
        if name and not info.data.get("tls_ca_file"):
            raise ValueError(f"needs {cls.variable('tls_ca_file')}")
        return name

    @property
    def tls(self) -> SSLContext | None:
        """The context that verifies the server's certificate and name."""
        if self.tls_ca_file is None:
            return None
        return create_context(self.tls_ca_file, self.tls_server_name)
