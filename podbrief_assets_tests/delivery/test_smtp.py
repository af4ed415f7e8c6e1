"""Each answer of a mail server means one thing for the mail in hand; a server on loopback gives them all."""

from __future__ import annotations

import datetime as dt
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from podbrief_assets.delivery.mailer import Mail, MailerDown, RecipientGone, Unanswered
from podbrief_assets.delivery.settings import SmtpServer, smtp_server
from podbrief_assets.delivery.smtp import Deferred, RecipientRefused, SmtpMailer
from podbrief_assets_tests.delivery.smtp_server import Postbox, login, serving, tls

DAY = dt.date(2026, 11, 21)


def mail(number: int = 0, recipient: str = "ann@example.org", body: str = "Hello") -> Mail:
    content = f"From: brief@example.org\r\nTo: {recipient}\r\nMessage-ID: <{number}@example.org>\r\n\r\n{body}\r\n"
    return Mail(
        day=DAY,
        subscriber_id=f"{number:016x}",
        return_path="bounces@example.org",
        recipient=recipient,
        content=content.encode(),
    )


@pytest.fixture
def mailer(port: int) -> Iterator[SmtpMailer]:
    made = SmtpMailer(smtp_server(f"smtp+plain://127.0.0.1:{port}"), 1_000_000, 5, 5, pause_s=0.01)
    with closing(made):
        yield made


def test_many_mails_go_over_one_connection_as_they_are(mailer: SmtpMailer, postbox: Postbox) -> None:
    body = "A line\r\n.\r\n..\r\n.Bcc: x@example.org\r\nlast"
    answers = [mailer.deliver(mail(number, body=body)) for number in range(5)]
    assert answers == [f"250 2.0.0 OK queued as {number}" for number in range(1, 6)]
    assert postbox.connections == 1
    assert list(postbox.counts.values()) == [1] * 5
    assert postbox.mails[0][1].decode().endswith(f"\r\n\r\n{body}\r\n"), "lines that start with a dot came whole"
    assert postbox.recipients == ["ann@example.org"] * 5


def test_refused_for_good_and_not_just_now_are_told_apart_and_cost_no_other(
    mailer: SmtpMailer, postbox: Postbox
) -> None:
    answers = {
        "full@example.org": "452 4.2.2 mailbox full",
        "gone@example.org": "550 5.1.1 <gone@example.org> no such user",
        "policy@example.org": "550 5.7.1 not from you, policy@example.org",
        "bare@example.org": "550 go away",
    }
    postbox.at_recipient = answers.get
    with pytest.raises(Deferred, match=r"452 4\.2\.2 mailbox full"):
        mailer.deliver(mail(1, "full@example.org"))
    with pytest.raises(RecipientGone) as gone:
        mailer.deliver(mail(2, "gone@example.org"))
    for who in ("policy@example.org", "bare@example.org"):
        with pytest.raises(RecipientRefused) as refused:
            mailer.deliver(mail(3, who))
        assert who not in str(refused.value), "what is recorded of a mail has no address"
    assert "gone@" not in str(gone.value)
    mailer.deliver(mail(4))
    assert dict(postbox.counts) == {"<4@example.org>": 1}
    assert postbox.connections == 1


def test_what_is_refused_at_its_end_was_not_taken(mailer: SmtpMailer, postbox: Postbox) -> None:
    postbox.at_end = lambda _: "451 4.3.0 try later"
    with pytest.raises(Deferred, match="451"):
        mailer.deliver(mail())
    postbox.at_end = lambda _: "554 5.6.0 no such content here"
    with pytest.raises(RecipientRefused, match="554"):
        mailer.deliver(mail())
    postbox.at_end = lambda _: None
    assert mailer.deliver(mail()).startswith("250")


def test_nobody_knows_of_a_mail_whose_server_went_silent_after_all_of_it(mailer: SmtpMailer, postbox: Postbox) -> None:
    postbox.after_data = lambda number: "drop" if number == 1 else None
    mailer.deliver(mail(0))
    with pytest.raises(Unanswered, match="had the whole mail"):
        mailer.deliver(mail(1))
    mailer.deliver(mail(2))
    assert dict(postbox.counts) == {"<0@example.org>": 1, "<1@example.org>": 1, "<2@example.org>": 1}
    assert postbox.connections == 2
    mailer.answer_timeout_s = 0.2
    postbox.after_data = lambda _: 0.5
    with pytest.raises(Unanswered, match="timed out"):
        mailer.deliver(mail(3))


def test_a_slow_server_is_waited_for(mailer: SmtpMailer, postbox: Postbox) -> None:
    postbox.after_data = lambda _: 0.3
    assert mailer.deliver(mail()).startswith("250")


def test_a_server_that_closes_after_some_mails_is_asked_again(mailer: SmtpMailer, postbox: Postbox) -> None:
    postbox.at_sender = lambda number: "421 4.4.5 enough for one connection" if number in (2, 5) else None
    for number in range(6):
        mailer.deliver(mail(number))
    assert len(postbox.mails) == 6 and set(postbox.counts.values()) == {1}
    assert postbox.connections == 3


def test_a_server_that_breaks_off_over_one_recipient_keeps_nobody_else_from_theirs(
    mailer: SmtpMailer, postbox: Postbox
) -> None:
    postbox.at_recipient = lambda who: "421 4.3.0 broken" if who == "odd@example.org" else None
    with pytest.raises(Deferred, match="broke off 3 times"):
        mailer.deliver(mail(0, "odd@example.org"))
    assert mailer.deliver(mail(1)).startswith("250")


def test_a_server_that_refuses_the_sender_takes_nothing_from_anybody(mailer: SmtpMailer, postbox: Postbox) -> None:
    postbox.at_sender = lambda _: "550 5.7.1 bounces@example.org is not yours"
    with pytest.raises(MailerDown, match="refuses the sender") as down:
        mailer.deliver(mail())
    assert "PODBRIEF_SMTP_URL" in down.value.remedy


def test_a_server_that_is_not_there_is_down() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = SmtpMailer(smtp_server(f"smtp+plain://127.0.0.1:{port}"), pause_s=0.01)
    with pytest.raises(MailerDown, match="refused"):
        nobody.deliver(mail())


def test_a_connection_that_breaks_within_a_mail_is_made_again(postbox: Postbox) -> None:
    """The first connection is cut while the mail is on its way: the server can't have taken it.

    The mail is longer than what systems buffer of a connection, 10 MB at most by Linux's own settings: one that lies in
    buffers wholly has been sent for all that its sender can know, and would rightly be told as unanswered.
    """
    with serving(postbox) as port, socket.create_server(("127.0.0.1", 0)) as proxy:
        cut = threading.Event()

        def pump(source: socket.socket, target: socket.socket, limit: int) -> None:
            passed = 0
            try:
                while chunk := source.recv(4096):
                    passed += len(chunk)
                    if passed > limit and not cut.is_set():
                        cut.set()
                        break
                    target.sendall(chunk)
            except OSError:
                pass
            for end in (source, target):
                end.close()

        def relay() -> None:
            for _ in range(2):
                client, _address = proxy.accept()
                server = socket.create_connection(("127.0.0.1", port))
                for source, target, limit in ((client, server, 20_000), (server, client, 10**9)):
                    threading.Thread(target=pump, args=(source, target, limit), daemon=True).start()

        threading.Thread(target=relay, daemon=True).start()
        with closing(
            SmtpMailer(smtp_server(f"smtp+plain://127.0.0.1:{proxy.getsockname()[1]}"), 1_000_000, 30, 30, pause_s=0.01)
        ) as mailer:
            assert mailer.deliver(mail(7, body=f"{'words ' * 160}\r\n" * 20_000)).startswith("250")
        assert cut.is_set()
        assert dict(postbox.counts) == {"<7@example.org>": 1}


def test_it_is_never_faster_than_the_pace(mailer: SmtpMailer) -> None:
    mailer.per_minute = 1_200
    begun = time.monotonic()
    for number in range(7):
        mailer.deliver(mail(number))
    assert time.monotonic() - begun >= 6 * 0.05


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    made, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        [*["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext"],
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", made],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.mark.parametrize("encryption", ["implicit", "starttls"])
def test_what_is_told_goes_through_tls_to_a_server_whose_certificate_is_checked(
    postbox: Postbox, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch, encryption: str
) -> None:
    context = tls(*certificate)
    asked = login("brief", "p@ss word")
    options = (
        {"ssl_context": context} if encryption == "implicit" else {"tls_context": context, "require_starttls": True}
    )
    with serving(postbox, **asked, **options) as port:
        scheme = "smtps" if encryption == "implicit" else "smtp"
        server = smtp_server(f"{scheme}://brief:p%40ss%20word@127.0.0.1:{port}")
        assert server.encryption == encryption
        with pytest.raises(MailerDown, match="certificate that can't be verified"):
            SmtpMailer(server, timeout_s=5).deliver(mail())
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        with closing(SmtpMailer(server, timeout_s=5)) as mailer:
            assert mailer.deliver(mail()).startswith("250")
        wrong = SmtpServer(host="127.0.0.1", port=port, encryption=server.encryption, user="brief", password="guess")
        with pytest.raises(MailerDown, match="refuses the log-in") as down:
            SmtpMailer(wrong, timeout_s=5).deliver(mail())
        assert "guess" not in f"{down.value!r}{wrong!r}"
    assert len(postbox.mails) == 1


def test_a_server_without_tls_is_told_nothing(port: int, postbox: Postbox) -> None:
    with pytest.raises(MailerDown, match="STARTTLS"):
        SmtpMailer(smtp_server(f"smtp://brief:secret@127.0.0.1:{port}"), timeout_s=5).deliver(mail())
    assert postbox.senders == 0
