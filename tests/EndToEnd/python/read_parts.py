# Says what is in mails by Python's email, with nothing of ours: for each the multipart types, and each part that is no multipart.
# Input: one mail per line, in base64. Output: a JSON array.
import base64
import email
import email.policy
import json
import sys


def defects(message):
    # A name in ASCII stands beside the one in UTF-8 (filename and filename*), for programs that know only the former: Python counts that.
    found = [repr(d) for d in message.defects] + [repr(d) for _, value in message.items() for d in value.defects]
    return [d for d in found if "duplicate parameter name" not in d]


def part(message, parents):
    if message.is_multipart():
        for below in message.iter_parts():
            yield from part(below, [*parents, message.get_content_type()])
        return
    content_type = message["Content-Type"]
    yield {
        "type": message.get_content_type(),
        "within": parents,
        "parameters": dict(content_type.params) if content_type else {},
        "disposition": message.get_content_disposition(),
        "fileName": message.get_filename(),
        "contentId": message["Content-ID"] and str(message["Content-ID"]),
        "content": base64.b64encode(message.get_payload(decode=True)).decode(),
        "defects": defects(message),
    }


mails = (email.message_from_bytes(base64.b64decode(line), policy=email.policy.default) for line in sys.stdin)
json.dump([{"subject": str(m["Subject"]), "defects": defects(m), "parts": list(part(m, []))} for m in mails], sys.stdout)
