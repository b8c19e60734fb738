# Reads a message from standard input and checks its DKIM signatures with dkimpy (Debian: python3-dkim).
# Arguments: the file of key records, one "name record" per line. Prints one verdict per signature, from the top.
import sys

try:
    import dkim
except ImportError:
    sys.exit(3)

records = dict(line.rstrip("\n").split(" ", 1) for line in open(sys.argv[1]))
message = sys.stdin.buffer.read()


def find(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode() or None


verifier = dkim.DKIM(message)
count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
for index in range(count):
    try:
        print("pass" if verifier.verify(index, dnsfunc=find) else "fail")
    except Exception as problem:
        print(type(problem).__name__, problem)
