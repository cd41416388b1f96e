"""Finds the keywords of documents. An agent in Python, to show that the contract needs no kit: one file, nothing installed.

    SIGNING_SECRET=whsec_... python3 keywords.py PORT

Its work is a function of its input, so that it may be asked twice and needs no memory of idempotency keys.
"""
import base64, hashlib, hmac, json, math, os, re, sys, time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = base64.b64decode(os.environ["SIGNING_SECRET"][len("whsec_"):])
CLOCK_SECONDS = 300
MAX_BYTES = 17 * 1024 * 1024
KEYWORDS = 5
COMMON = set("""a about after all also an and any are as at be because been before but by can could do does each else every few for from
    has have how if in into is it its just like make may more most must never no not of on once one only or other our out over own
    same should so some such than that the their them then there these they this those through to too two under until up use used
    very was way we were what when where which while who whose why will with without would you your""".split())


def signature_fault(headers, body):
    """What is wrong with the signature (Standard Webhooks), or None."""
    id, timestamp, given = (headers.get("webhook-" + name, "") for name in ("id", "timestamp", "signature"))
    if not re.fullmatch(r"\d{1,12}", timestamp) or abs(time.time() - int(timestamp)) > CLOCK_SECONDS:
        return "webhook-timestamp is missing, or more than five minutes from this agent's clock"
    digest = hmac.new(SECRET, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in given.split(" ")):
        return "the signature does not match"


def terms_of(text):
    """How often each word occurs in the prose, and each pair of words that stand side by side."""
    prose = re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|https?://\S+", " . ", text, flags=re.S).lower()
    counts = Counter()
    for phrase in re.split(r"[^\w\s'’-]+|\n\s*\n", prose):
        previous = None
        for word in re.findall(r"\S+", phrase):
            word = word.strip("'’-_") if re.fullmatch(r"[^\W\d_][\w'’-]+", word) and len(word) > 2 and word not in COMMON else None
            if word:
                counts[word] += 1
                if previous:
                    counts[f"{previous} {word}"] += 1
            previous = word
    return counts


def keywords(documents):
    """The terms of each document that are frequent in it and rare in the others (tf-idf); a pair counts for its two words."""
    counts = [terms_of(document["text"]) for document in documents]
    spread = Counter(term for terms in counts for term in terms)
    result = {}
    for document, terms in zip(documents, counts):
        def weight(term):
            return terms[term] * math.log(1 + len(documents) / spread[term]) * (2 if " " in term and terms[term] > 1 else 1)
        chosen = []
        for term in sorted(terms, key=lambda term: (-weight(term), term)):
            if not any(set(term.split()) & set(other.split()) for other in chosen):
                chosen.append(term)
            if len(chosen) == KEYWORDS:
                break
        result[document["name"]] = chosen
    return result


class Agent(BaseHTTPRequestHandler):
    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BYTES:
            return self.answer(413, {"code": "body_too_large", "detail": f"expected content-length, at most {MAX_BYTES}"})
        body = self.rfile.read(int(length))
        fault = signature_fault(self.headers, body)
        if fault:
            return self.answer(401, {"code": "signature_invalid", "detail": fault})
        try:
            call = json.loads(body)
            started = time.perf_counter()
            output = keywords(call["input"]["documents"])
        except (ValueError, KeyError, TypeError) as error:
            return self.answer(400, {"code": "invalid_request", "detail": f"expected documents with name and text: {error!r}"})
        took = (time.perf_counter() - started) * 1000
        print(f"read {len(output)} documents for step {call['step_id']}, attempt {call['attempt']}, in {took:.0f} ms", flush=True)
        self.answer(200, {"output": output})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json" if status == 200 else "application/problem+json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Agent)
    print("listening", flush=True)
    server.serve_forever()
