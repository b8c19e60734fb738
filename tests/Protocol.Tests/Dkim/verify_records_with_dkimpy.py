# Checks one signed message against many key records with dkimpy (Debian: python3-dkim), each record as the answer of a DNS of its own.
# Reads JSON from standard input: {"message": base64, "records": [[base64, ...], ...]}, a list of records being the TXT records of one name, of which
# dkimpy is given each as the first. Prints one line per list: "pass" if all of them pass, else "fail".
import base64
import json
import sys

try:
    import dkim
except ImportError:
    sys.exit(3)

asked = json.load(sys.stdin)
message = base64.b64decode(asked["message"])


def passes(record):
    try:
        return dkim.verify(message, dnsfunc=lambda name, timeout=5: record or None)
    except Exception:
        return False


for records in asked["records"]:
    print("pass" if records and all([passes(base64.b64decode(r)) for r in records]) else "fail")
