"""Sends messages as e-mail."""

import datetime as dt
import logging
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP

from serve_app.config.alerts import EmailReceiver
from serve_app.errors import Unavailable
from serve_app.monitoring.alerts.message import Message
from serve_app.monitoring.alerts.words import lines, one_line, title
from serve_app.serving.alerting.certificates import context_of, untrusted
from serve_app.serving.alerting.delivery import Environment, secret

PORTS = {"starttls": 587, "tls": 465, "none": 25}
MOST_REFERENCES = 20
logger = logging.getLogger("serve_app.alerts")


class Mail:
    """Some mailboxes."""

    def __init__(
        self, settings: EmailReceiver, environment: Environment, *, link: str | None
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._link = link

    def send(self, message: Message) -> None:
        """Return once the server took it for at least one of the mailboxes.

        Raises:
            Unavailable: it did not.
        """
        mail = mail_of(message, self._settings, self._link)
        where = self._settings.host
        try:
            with self._connected() as server:
                refused = server.send_message(mail)
        except smtplib.SMTPNotSupportedError as error:
            msg = f"{where} lacks what is needed ({one_line(str(error))}); see `security`"
            raise Unavailable(msg) from None
        except smtplib.SMTPResponseException as error:
            raw = error.smtp_error
            words = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
            raise Unavailable(f"{where} answered {error.smtp_code}: {one_line(words)}") from None
        except smtplib.SMTPRecipientsRefused as error:
            names = ", ".join(sorted(error.recipients))
            raise Unavailable(f"{where} refuses all recipients: {one_line(names)}") from None
        except ssl.SSLCertVerificationError as error:
            raise Unavailable(untrusted(where, error)) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            words = one_line(str(error)) or type(error).__name__
            raise Unavailable(f"{where} does not take the mail: {words}") from None
        if refused:
            logger.error("some recipients are refused", extra={"recipients": sorted(refused)})

    def _connected(self) -> smtplib.SMTP:
        """A server that knows who sends.

        Raises:
            Unavailable: there is no password.
            OSError: nobody answers there, or in another way.
        """
        settings = self._settings
        port = settings.port or PORTS[settings.security]
        context = context_of(settings.ca_file)
        # The name of this machine may take long to be looked up.
        name = settings.sender.rpartition("@")[2]
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, port, name, timeout=settings.timeout_s, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, port, name, timeout=settings.timeout_s)
        try:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.username is not None:
                password = secret(self._environment, settings.password_env or "")
                server.login(settings.username, password.reveal())
        except BaseException:
            server.close()
            raise
        return server


def mail_of(message: Message, settings: EmailReceiver, link: str | None) -> EmailMessage:
    """The message as e-mail: all that is sent of one finding is one thread."""
    mail = EmailMessage(policy=SMTP)
    domain = settings.sender.rpartition("@")[2]
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Subject"] = title(message)
    mail["Date"] = dt.datetime.fromtimestamp(message.at_s, tz=dt.UTC)
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    # Nobody ever gets the mail that these name: programs show those together that name the same.
    threads = [f"<finding-{one.id}@{domain}>" for one in message.announcements[:MOST_REFERENCES]]
    mail["In-Reply-To"] = threads[0]
    mail["References"] = " ".join(threads)
    mail["List-Id"] = f"serve-app alerts <alerts.serve-app.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Serve-App-Status"] = message.status
    mail["X-Serve-App-Severity"] = message.severity
    text = [*lines(message), *([] if link is None else ["", link])]
    mail.set_content("\n".join(text) + "\n", cte="quoted-printable")
    return mail
