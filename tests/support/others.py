"""Other people's Python over what titer wrote: securesystemslib reads signatures, in-toto-attestation reads statements, pymerkle reads trees.

Arguments: a folder with `bundle.jsonl`, `keys.json`, `checkpoints/` and `proofs/` (`audit_prove_v1`, one a record).
"""

import base64
import copy
import hashlib
import json
import pathlib
import sys

import in_toto_attestation.v1.statement_pb2 as pb
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion
from pymerkle.core import _inclusion_path_layout
from pymerkle.proof import InclusionProof
from securesystemslib import dsse, exceptions
from securesystemslib.signer import SSlibKey

here = pathlib.Path(sys.argv[1])
envelopes = (here / "bundle.jsonl").read_bytes().splitlines()


def key(vkey):
    """`NAME+HASH+BASE64`: what a signature calls it, and the key."""
    name, digest, text = vkey.split("+", 2)
    raw = base64.b64decode(text)
    assert raw[0] == 1 and hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == digest
    public = Ed25519PublicKey.from_public_bytes(raw[1:])
    return SSlibKey.from_crypto(public, keyid=f"{name}+{digest}"), public, name


keys = [key(span["vkey"]) for span in json.loads((here / "keys.json").read_text())["keys"]]
known = [one for one, _, _ in keys]

for line in envelopes:
    envelope = dsse.Envelope.from_dict(json.loads(line))
    assert len(envelope.verify(known, 1)) == 1
    wrong = copy.deepcopy(envelope)
    wrong.payload += b" "
    try:
        wrong.verify(known, 1)
        raise AssertionError("a changed payload was accepted")
    except exceptions.VerificationError:
        pass
    Statement.copy_from_pb(json_format.Parse(envelope.payload.decode(), pb.Statement())).validate()

tree = InmemoryTree(algorithm="sha256")
for line in envelopes:
    tree.append_entry(line)


def checkpoint(text):
    """Size and root of a note that one of the keys has signed."""
    lines, _, signatures = text.rpartition("\n\n")
    good = 0
    for signature in signatures.splitlines():
        _, name, packed = signature.split(" ")
        for _, public, own in keys:
            if own == name:
                try:
                    public.verify(base64.b64decode(packed)[4:], (lines + "\n").encode())
                    good += 1
                except Exception:
                    pass
    assert good, text
    _, size, root = lines.split("\n")
    return int(size), base64.b64decode(root)


notes = sorted(checkpoint(path.read_text()) for path in (here / "checkpoints").iterdir())
for size, root in notes:
    assert tree.get_root(size) == root, size
    for before, old in notes:
        if before <= size:
            verify_consistency(old, root, tree.prove_consistency(before, size), prior_size=before, later_size=size)

proofs = 0
for path in (here / "proofs").iterdir():
    told = json.loads(path.read_text())
    head, _, note = told["proof"].partition("\n\n")
    head = head.split("\n")
    index, hashes = int(head[1].split(" ")[1]), [base64.b64decode(text) for text in head[2:]]
    size, root = checkpoint(note)
    leaf = hashlib.sha256(b"\0" + envelopes[index]).digest()
    assert envelopes[index].decode() == told["envelope"] and base64.b64encode(leaf).decode() == told["leafHash"]
    rule, _ = _inclusion_path_layout(index + 1, size)
    proof = InclusionProof("sha256", True, size, index + 1, rule, [leaf, *hashes])
    verify_inclusion(leaf, root, proof, index=index + 1, size=size)
    proofs += 1

print(f"{len(envelopes)} leaves, {len(notes)} checkpoints, {proofs} proofs")
