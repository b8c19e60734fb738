# Reads mails and says what is in them: an independent MIME parser (Python's email, default policy) and an independent
# DKIM verifier (Debian's python3-dkim) that asks a DNS server for the keys (python3-dnspython).
# Argument: the port of the DNS server on 127.0.0.1. Input: one mail per line, in base64. Output: a JSON array.
import base64
import email
import email.policy
import email.utils
import json
import sys

try:
    import dkim
    import dns.resolver
except ImportError as missing:
    sys.exit(f"this test needs Debian's python3-dkim, python3-dnspython and python3-nacl: {missing}")

resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers = ["127.0.0.1"]
resolver.port = int(sys.argv[1])


def key(name, timeout=5):
    try:
        answer = resolver.resolve(name.decode().rstrip("."), "TXT", lifetime=timeout)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    return b"".join(answer[0].strings)


def signatures(raw):
    verifier = dkim.DKIM(raw)
    fields = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    for index, field in enumerate(fields):
        tags = dkim.util.parse_tag_value(field)
        try:
            verdict = "pass" if verifier.verify(index, dnsfunc=key) else "fail"
        except Exception as problem:
            verdict = f"{type(problem).__name__}: {problem}"
        yield {"verdict": verdict, "domain": tags[b"d"].decode(), "selector": tags[b"s"].decode(), "algorithm": tags[b"a"].decode()}


def addresses(message, name):
    return [{"name": a.display_name, "address": a.addr_spec} for field in message.get_all(name, []) for a in field.addresses]


def part(message):
    said = {
        "type": message.get_content_type(),
        "disposition": message.get_content_disposition(),
        "fileName": message.get_filename(),
        "contentId": message["Content-ID"],
        "encoding": (message["Content-Transfer-Encoding"] or "7bit").lower(),
        "defects": [repr(d) for d in message.defects],
        "parts": [part(p) for p in message.iter_parts()] if message.is_multipart() else [],
    }
    if message.get_content_maintype() == "text" and said["disposition"] != "attachment":
        said["text"] = message.get_content()
    elif not message.is_multipart():
        said["content"] = base64.b64encode(message.get_payload(decode=True)).decode()
    return said


def mail(raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    return {
        "from": addresses(message, "From"), "to": addresses(message, "To"), "cc": addresses(message, "Cc"), "bcc": addresses(message, "Bcc"),
        "replyTo": addresses(message, "Reply-To"), "subject": str(message["Subject"]), "messageId": str(message["Message-ID"]),
        "date": int(email.utils.parsedate_to_datetime(str(message["Date"])).timestamp()),
        "fields": [[name, str(value)] for name, value in message.items()],
        "fieldDefects": [f"{name}: {d!r}" for name, value in message.items() for d in value.defects],
        "body": part(message), "signatures": list(signatures(raw)),
        "longestLine": max(len(line.rstrip(b"\r")) for line in raw.split(b"\n")),
    }


# Octets that a header holds raw (RFC 6532) are surrogates in Python's strings: this writes them as the octets they were.
said = json.dumps([mail(base64.b64decode(line)) for line in sys.stdin], ensure_ascii=False)
sys.stdout.buffer.write(said.encode("utf-8", "surrogateescape"))
