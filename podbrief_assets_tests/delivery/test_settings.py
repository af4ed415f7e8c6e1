"""What an operator sets about mail: checked as a whole before anything leaves, and never repeated where it is secret."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from podbrief_assets.delivery.settings import DEFAULT_SENDER, MailSettings, public_address, smtp_server
from podbrief_assets.environment import BadSetting

NEEDED = {
    "PODBRIEF_SMTP_URL": "smtps://brief:hunter2@smtp.example.org",
    "PODBRIEF_MAIL_FROM": "Daily Brief <brief@example.org>",
    "PODBRIEF_MAIL_POSTAL_ADDRESS": "Example Ltd\\n1 Some Street\\nSometown",
    "PODBRIEF_PUBLIC_URL": "https://briefs.example.org/",
    "PODBRIEF_DKIM_KEY": "relay",
}


def test_without_any_the_outbox_is_used() -> None:
    settings = MailSettings.from_environment({})
    assert settings.smtp is None and settings.sender == settings.return_path == DEFAULT_SENDER


def test_with_all_of_them_mail_leaves() -> None:
    settings = MailSettings.from_environment(NEEDED)
    assert settings.smtp is not None
    assert (settings.smtp.host, settings.smtp.port, settings.smtp.encryption) == ("smtp.example.org", 465, "implicit")
    assert (settings.sender_name, settings.sender, settings.domain) == (
        "Daily Brief",
        "brief@example.org",
        "example.org",
    )
    assert settings.postal_address == "Example Ltd, 1 Some Street, Sometown"
    assert settings.public_url == "https://briefs.example.org"
    assert "hunter2" not in repr(settings)
    path = MailSettings.from_environment({**NEEDED, "PODBRIEF_MAIL_RETURN_PATH": "bounces@example.org"}).return_path
    assert path == "bounces@example.org"


@pytest.mark.parametrize("missing", sorted(set(NEEDED) - {"PODBRIEF_SMTP_URL"}))
def test_without_any_one_of_them_none_leaves_and_it_is_named(missing: str) -> None:
    with pytest.raises(BadSetting, match=f"{missing} is not") as told:
        MailSettings.from_environment({name: value for name, value in NEEDED.items() if name != missing})
    assert "hunter2" not in str(told.value)


def test_all_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(BadSetting) as told:
        MailSettings.from_environment({"PODBRIEF_SMTP_URL": NEEDED["PODBRIEF_SMTP_URL"]})
    assert all(name in str(told.value) for name in NEEDED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PODBRIEF_MAIL_FROM", "nobody"),
        ("PODBRIEF_MAIL_FROM", "A\nBcc: x@example.org <brief@example.org>"),
        ("PODBRIEF_MAIL_FROM", "\u202eA <brief@example.org>"),
        ("PODBRIEF_MAIL_RETURN_PATH", "not an address"),
        ("PODBRIEF_MAIL_POSTAL_ADDRESS", "x" * 201),
        ("PODBRIEF_MAIL_PER_MINUTE", "0"),
        ("PODBRIEF_PUBLIC_URL", "http://briefs.example.org"),
        ("PODBRIEF_DKIM_KEY", "/no/such/file.pem"),
    ],
)
def test_what_can_not_be_used_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        MailSettings.from_environment({**NEEDED, name: value})


@pytest.mark.parametrize(
    "url",
    ["", "smtp.example.org", "https://smtp.example.org", "smtps://", "smtps://u:hunter2@[", "smtps://u@h", "smtps://h:x",
     "smtps://u:hunter2@h/path", "smtp+plain://u:hunter2@smtp.example.org"],
)  # fmt: skip
def test_a_server_that_can_not_be_read_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadSetting) as told:
        smtp_server(url)
    assert "hunter2" not in str(told.value)


def test_a_server_is_read_with_its_usual_port_and_percent_encoding() -> None:
    server = smtp_server("smtp://a%40b:p%3A%2F%40@mx.example.org")
    assert (server.port, server.encryption, server.user, server.password) == (587, "starttls", "a@b", "p:/@")
    assert smtp_server("smtp+plain://[::1]:2525").port == 2525


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org", "https://", "https://u:p@example.org", "https://example.org/?a=1", "https://exa mple.org",
     "https://[", "https://example.org/ü"],
)  # fmt: skip
def test_a_public_address_is_a_plain_https_one(url: str) -> None:
    with pytest.raises(BadSetting, match="PODBRIEF_PUBLIC_URL"):
        public_address(url)
    assert public_address("http://127.0.0.1:8670/") == "http://127.0.0.1:8670"
    assert public_address(" ") is None


def test_a_dkim_key_is_read_and_a_weak_or_broken_one_refused(tmp_path: Path) -> None:
    for bits in ("2048", "512"):
        key = tmp_path / f"{bits}.pem"
        subprocess.run(["openssl", "genrsa", "-out", str(key), bits], check=True, capture_output=True)
    read = MailSettings.from_environment({**NEEDED, "PODBRIEF_DKIM_KEY": str(tmp_path / "2048.pem")}).dkim
    assert read is not None and (read.selector, read.domain) == ("podbrief", "example.org")
    assert "PRIVATE" not in repr(read)
    with pytest.raises(BadSetting, match="512 bits"):
        MailSettings.from_environment({**NEEDED, "PODBRIEF_DKIM_KEY": str(tmp_path / "512.pem")})
    (tmp_path / "none.pem").write_text("not a key")
    with pytest.raises(BadSetting, match="no RSA private key"):
        MailSettings.from_environment({**NEEDED, "PODBRIEF_DKIM_KEY": str(tmp_path / "none.pem")})
    with pytest.raises(BadSetting, match="PODBRIEF_DKIM_SELECTOR"):
        MailSettings.from_environment(
            {**NEEDED, "PODBRIEF_DKIM_KEY": str(tmp_path / "2048.pem"), "PODBRIEF_DKIM_SELECTOR": "a b"}
        )
