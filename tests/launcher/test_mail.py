"""Development's mail server keeps what comes, as it came."""

import smtplib
import sys
from dataclasses import replace
from email.message import EmailMessage

from launcher import platform
from launcher.instance import Instance
from launcher.mails import mails
from launcher.stores import mail
from launcher.supervisor.specification import Probe
from tests.launcher.programs import free_port, running


def test_a_mail_is_kept_and_read(instance: Instance) -> None:
    mail.prepare(instance)
    port = free_port()
    directory = mail.directory(instance)
    command = (sys.executable, "-m", "launcher.mail_server", str(port), str(directory))
    made = replace(mail.specification(Instance()), port=port, command=command, ready=Probe("tcp", port))
    platform.start(instance, [replace(made, log=str(instance.logs / "mail.log"))])
    running(instance, "mail")
    sent = EmailMessage()
    sent["To"], sent["From"], sent["Subject"] = "alice@example.com", "shop@example.com", "Größe"
    sent.set_content("Here is the link: http://localhost/ä\n")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(sent)
    (kept,) = mails(directory)
    assert (kept.number, kept.to, kept.subject) == (1, "alice@example.com", "Größe")
    assert kept.text.splitlines() == ["Here is the link: http://localhost/ä"]
