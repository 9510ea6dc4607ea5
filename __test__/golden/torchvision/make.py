"""Tiny files of torchvision's data sets: what it reads of them is what a reader has to give.

CIFAR's batches are pickles of Python 2, whose texts are bytes: written here opcode by opcode. Made with the versions
printed below.
"""
import json
import os
import pickle
import struct

import numpy as np
import scipy.io
import torchvision
import torchvision.datasets as sets

rng = np.random.RandomState(0)


def short(b):
    return b"U" + bytes([len(b)]) + b


def python2(data, key, labels):
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\nt" + short(b"b") + b"tR"
    array = array.replace(b"(I0\nt", b"K\x00\x85")
    dtype = b"cnumpy\ndtype\n(" + short(b"u1") + b"K\x00K\x01tR(K\x03" + short(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    raw = data.tobytes()
    state = b"(K\x01M" + struct.pack("<H", data.shape[0]) + b"M" + struct.pack("<H", data.shape[1]) + b"\x86" + dtype + b"\x89T" + struct.pack("<I", len(raw)) + raw + b"tb"
    items = b"".join(b"K" + bytes([v]) for v in labels)
    return b"\x80\x02}(" + short(b"data") + array + state + short(key) + b"](" + items + b"eu."


class NoCheck:
    def _check_integrity(self):
        return True


def cifar(cls, folder, files, key, meta, names_key):
    os.makedirs(folder, exist_ok=True)
    for name in files:
        data = rng.randint(0, 256, (2, 3072)).astype(np.uint8)
        open(f"{folder}/{name}", "wb").write(python2(data, key, rng.randint(0, 10, 2).tolist()))
    pickle.dump({names_key: ["airplane", "cat"]}, open(f"{folder}/{meta}", "wb"), protocol=2)


cifar(sets.CIFAR10, "cifar-10-batches-py", [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"], b"labels", "batches.meta", "label_names")
cifar(sets.CIFAR100, "cifar-100-python", ["train", "test"], b"fine_labels", "meta", "fine_label_names")
os.makedirs("stl10_binary", exist_ok=True)
for part in ["train", "test"]:
    rng.randint(0, 256, (1, 3, 96, 96)).astype(np.uint8).tofile(f"stl10_binary/{part}_X.bin")
    np.array([7], dtype=np.uint8).tofile(f"stl10_binary/{part}_y.bin")
    images = rng.randint(0, 256, (32, 32, 3, 2)).astype(np.uint8)
    scipy.io.savemat(f"{part}_32x32.mat", {"X": images, "y": np.array([[10], [3]], dtype=np.uint8)}, do_compression=part == "train")
open("stl10_binary/class_names.txt", "w").write("airplane\nbird\n")

expected = {}


def read(name, make):
    for train in [True, False]:
        found = make(train)
        expected[f"{name}/{'train' if train else 'test'}"] = [
            {"label": int(label), "sum": int(np.asarray(image).astype(int).sum()), "pixels": np.asarray(image)[1, 2].tolist() + np.asarray(image)[5, 9].tolist()}
            for image, label in (found[i] for i in range(len(found)))
        ]


for cls in [sets.CIFAR10, sets.CIFAR100, sets.STL10, sets.SVHN]:
    cls._check_integrity = lambda self: True
sets.cifar.check_integrity = sets.svhn.check_integrity = lambda *a, **k: True
read("CIFAR10", lambda train: sets.CIFAR10(".", train=train))
read("CIFAR100", lambda train: sets.CIFAR100(".", train=train))
read("STL10", lambda train: sets.STL10(".", split="train" if train else "test"))
read("SVHN", lambda train: sets.SVHN(".", split="train" if train else "test"))
json.dump(expected, open("expected.json", "w"))
print(torchvision.__version__, np.__version__, scipy.__version__)
