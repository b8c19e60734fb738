# Sends the mails that stand in standard input, as JSON {baseUrl, key, mails}, by Django and Debian's python3-django-anymail.
import base64
import json
import sys
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.encoders import encode_base64

try:
    import anymail
    import django
    from django.conf import settings
except ImportError as missing:
    sys.exit(f"this test needs Debian's python3-django-anymail: {missing}")

said = json.load(sys.stdin)
settings.configure(
    EMAIL_BACKEND="anymail.backends.sendgrid.EmailBackend",
    ANYMAIL={"SENDGRID_API_KEY": said["key"], "SENDGRID_API_URL": said["baseUrl"] + "/v3/"},
)
django.setup()
from django.core.mail import EmailMultiAlternatives  # noqa: E402 (after the settings)

for mail in said["mails"]:
    message = EmailMultiAlternatives(mail["subject"], mail["text"], mail["from"], [mail["to"]])
    if mail.get("html"):
        message.attach_alternative(mail["html"], "text/html")
    if mail.get("calendar"):
        message.attach_alternative(base64.b64decode(mail["calendar"]["content"]).decode(), mail["calendar"]["type"])
    for file in mail.get("files") or []:
        octets = base64.b64decode(file["content"])
        if file.get("disposition") == "inline":
            image = MIMEImage(octets)
            image.add_header("Content-ID", f"<{file['contentId']}>")
            image.add_header("Content-Disposition", "inline", filename=file["filename"])
            message.attach(image)
        else:
            part = MIMEBase(*file["type"].split("/"))
            part.set_payload(octets)
            encode_base64(part)
            part.add_header("Content-Disposition", "attachment", filename=file["filename"])
            message.attach(part)
    message.send()
print(len(said["mails"]))
