# Reads a report about TLS as its receiver would: gzip and JSON by Python, held against the form of RFC 8460 section 4.4.
# Input: the file in base64. Output: the report as JSON. Whatever is not of that form ends it with an error.
import base64
import datetime
import gzip
import ipaddress
import json
import sys

POLICY_TYPES = {"tlsa", "sts", "no-policy-found"}
RESULT_TYPES = {
    "starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted", "validation-failure",
    "tlsa-invalid", "dnssec-invalid", "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid",
}


def need(condition, what):
    if not condition:
        sys.exit(f"not a report of RFC 8460: {what}")


def fields(value, required, optional, where):
    need(isinstance(value, dict), f"{where} is no object")
    for name, kind in required.items():
        need(isinstance(value.get(name), kind) and not isinstance(value.get(name), bool), f"{where}: {name} is {value.get(name)!r}")
    for name, found in value.items():
        need(name in required or name in optional, f"{where}: {name} is unknown")
        need(isinstance(found, {**required, **optional}[name]), f"{where}: {name} is {found!r}")


def instant(text):
    need(text.endswith("Z"), f"{text} is not in UTC")
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


report = json.loads(gzip.decompress(base64.b64decode(sys.stdin.read())))
fields(report, {"organization-name": str, "date-range": dict, "contact-info": str, "report-id": str, "policies": list}, {}, "report")
fields(report["date-range"], {"start-datetime": str, "end-datetime": str}, {}, "date-range")
start, end = (instant(report["date-range"][name]) for name in ("start-datetime", "end-datetime"))
need(start.time() == datetime.time() and end - start == datetime.timedelta(days=1, seconds=-1), "not a day of UTC")
for entry in report["policies"]:
    fields(entry, {"policy": dict, "summary": dict}, {"failure-details": list}, "policies")
    fields(entry["policy"], {"policy-type": str, "policy-domain": str}, {"policy-string": list, "mx-host": list}, "policy")
    need(entry["policy"]["policy-type"] in POLICY_TYPES, "policy-type")
    fields(entry["summary"], {"total-successful-session-count": int, "total-failure-session-count": int}, {}, "summary")
    for failure in entry.get("failure-details", []):
        fields(failure, {"result-type": str, "failed-session-count": int}, {
            "sending-mta-ip": str, "receiving-mx-hostname": str, "receiving-mx-helo": str, "receiving-ip": str,
            "additional-information": str, "failure-reason-code": str}, "failure-details")
        need(failure["result-type"] in RESULT_TYPES, "result-type")
        for name in ("sending-mta-ip", "receiving-ip"):
            if name in failure:
                ipaddress.ip_address(failure[name])
    need(sum(f["failed-session-count"] for f in entry.get("failure-details", [])) == entry["summary"]["total-failure-session-count"], "the sums differ")
print(json.dumps(report))
