"""The peer that formsapi is measured beside: the same hotline form, checked, sealed and stored, with FastAPI, `cryptography` and SQLite.

Fair where it matters: the same fields and limits, AES-256-GCM under a key from P-256 ECDH for each submission, `synchronous=FULL`, and one
transaction for whatever waits (group commit), in a thread of its own so that the event loop never waits for the disk.
"""
import asyncio
import hashlib
import hmac
import json
import os
import queue
import re
import secrets
import sqlite3
import threading
import unicodedata
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from fastapi import FastAPI, Request, Response

app = FastAPI()
RECIPIENT = x509.load_pem_x509_certificate(open(os.environ["RECIPIENT"], "rb").read()).public_key()
HOUR_KEY = secrets.token_bytes(32)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NATURES = {"consultation", "help", "complaint", "report", "suggestion", "praise"}
UNITS = set(os.environ["UNITS"].split(","))


class Store:
    """One writer; whatever waits goes into one transaction."""

    def __init__(self, path):
        self.jobs = queue.SimpleQueue()
        self.path = path
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        db = sqlite3.connect(self.path, isolation_level=None)
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute("create table if not exists submission (id text primary key, lookup blob unique, clear blob, sealed blob)")
        db.execute("create table if not exists once (key blob primary key, box blob)")
        db.execute("create table if not exists ticket (ticket blob primary key, box blob)")
        db.execute("create table if not exists queue (position integer primary key autoincrement, item text unique)")
        while True:
            jobs = [self.jobs.get()]
            while len(jobs) < 512:
                try:
                    jobs.append(self.jobs.get_nowait())
                except queue.Empty:
                    break
            db.execute("begin immediate")
            for rows, loop, future in jobs:
                once = db.execute("insert into once values (?, ?) on conflict do nothing", rows["once"])
                if once.rowcount == 1:
                    db.execute("insert into submission values (?, ?, ?, ?)", rows["submission"])
                    db.execute("insert into queue (item) values (?)", (rows["submission"][0],))
                    db.execute("insert into ticket values (?, ?)", rows["ticket"])
            db.execute("commit")
            for _, loop, future in jobs:
                loop.call_soon_threadsafe(future.set_result, None)


store = Store(os.environ["DATABASE"])


def crockford(count):
    return "".join(ALPHABET[byte & 31] for byte in os.urandom(count))


def hkdf(secret, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(secret)


def box(secret, use, plain):
    nonce = os.urandom(12)
    return nonce + AESGCM(hkdf(secret, b"", use)).encrypt(nonce, plain, None)


def seal(plain):
    own = ec.generate_private_key(ec.SECP256R1())
    key = X963KDF(hashes.SHA256(), 32, None).derive(own.exchange(ec.ECDH(), RECIPIENT))
    nonce = os.urandom(12)
    point = own.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    return point + nonce + AESGCM(key).encrypt(nonce, plain, None)


def validate(given):
    clean = {name: unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip() for name, value in given.items()}
    answers = {name: value for name, value in clean.items() if value and not name.startswith("_")}
    wrong = []
    if answers.get("nature") not in NATURES:
        wrong.append("nature")
    if not 4 <= len(answers.get("subject", "")) <= 60:
        wrong.append("subject")
    if not 10 <= len(answers.get("details", "")) <= 2000:
        wrong.append("details")
    if answers.get("place.unit") not in UNITS:
        wrong.append("place")
    if not re.fullmatch(r"[0-9+\-() ]{7,30}", answers.get("phone", "")):
        wrong.append("phone")
    if answers.get("publish") not in ("agree", "refuse"):
        wrong.append("publish")
    for name, value in answers.items():
        if any(unicodedata.category(letter) == "Cc" and letter not in "\n\t" for letter in value):
            wrong.append(name)
    return answers, wrong


@app.post("/forms/hotline")
async def submit(request: Request):
    form = await request.form()
    answers, wrong = validate(dict(form))
    if wrong:
        return Response(json.dumps(wrong), 422)
    receipt, code, identity = "XM260901" + crockford(9), crockford(16), str(uuid.uuid4())
    lookup, status, auth = (hkdf(code.encode(), receipt.encode(), use) for use in (b"lookup", b"statusKey", b"authKey"))
    plain = json.dumps(
        {"id": identity, "receipt": receipt, "lookup": lookup.hex(), "statusKey": status.hex(), "authKey": auth.hex(), "answers": answers},
        sort_keys=True, ensure_ascii=False).encode()
    sealed = seal(plain)
    clear = json.dumps({"id": identity, "parts": [{"bytes": len(sealed), "sha256": hashlib.sha256(sealed).hexdigest()}]}).encode()
    content = json.dumps(answers, sort_keys=True).encode()
    once = hmac.digest(HOUR_KEY, content, "sha256")
    ticket = secrets.token_hex(16)
    credentials = (receipt + code).encode()
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    store.jobs.put(({
        "once": (hashlib.sha256(once).digest(), box(once, b"once", hashlib.sha256(content).digest() + credentials)),
        "submission": (identity, lookup, clear, sealed),
        "ticket": (hashlib.sha256(ticket.encode()).digest(), box(ticket.encode(), b"ticket", credentials)),
    }, loop, future))
    await future
    return Response(status_code=303, headers={"Location": f"/forms/receipts/{ticket}?lang=zh", "Cache-Control": "no-store"})


@app.get("/healthz")
async def healthz():
    return Response("ok\n")
