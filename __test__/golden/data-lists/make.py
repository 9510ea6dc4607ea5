"""Lists and labels as NumPy and pickle save them. Made with the numpy printed below."""
import os
import pickle

import numpy as np

# What the writer of lists has to equal byte for byte.
np.save("texts.npy", np.array(["a/1.jpg", "", "ü.png", "long/er/名.jpg"]))
np.save("labels.npy", np.array([[1, -1, 0], [0, 1, 2147483647]], dtype=np.int32))
np.save("ids.npy", np.arange(5, dtype=np.int32))

# The same list of paths in every form.
paths = [f"/data/train/{i}.png" for i in range(5)]
np.save("paths.npy", np.array(paths))
np.save("paths-bytes.npy", np.array([p.encode() for p in paths]))
np.save("paths-big-endian.npy", np.array(paths).astype(">U20"))
np.save("paths-object.npy", np.array(paths, dtype=object), allow_pickle=True)
for name, value, protocol in [("list", paths, 2), ("array", np.array(paths), 4)]:
    with open(f"paths-{name}.pkl", "wb") as file:
        pickle.dump(value, file, protocol=protocol)

# Labels of five images.
np.save("label-int64.npy", np.array([3, 1, 4, 1, 5]))
np.save("label-texts.npy", np.array(["dog", "cat", "emu", "cat", "Ape"]))
np.save("label-matrix.npy", np.array([[1, 0], [0, 1], [-1, 1], [0, 0], [1, 1]], dtype=np.int32))
np.save("label-floats.npy", np.array([3.0, 1.0, 4.0, 1.0, 5.0]))
np.save("label-nan.npy", np.array([3.0, 1.0, np.nan, 1.0, 5.0]))
np.save("label-four.npy", np.array([0, 1, 2, 3]))
lists = np.empty(5, dtype=object)
for i in range(5):
    lists[i] = list(range(i + 1))
np.save("label-lists.npy", lists, allow_pickle=True)


class Hostile:
    def __reduce__(self):
        return os.system, ("touch HOSTILE",)


with open("hostile.pkl", "wb") as file:
    pickle.dump([Hostile()] * 5, file)
np.save("hostile.npy", np.array([Hostile()] * 5, dtype=object), allow_pickle=True)

# numpy.random.seed(SEED); numpy.random.choice(…, replace=False) as VISSL 0.1.6 draws a part of a data set.
import json


def unbalanced(total, limit, skip, seed):
    np.random.seed(seed)
    return np.random.choice(total, skip + limit, replace=False)[skip:].tolist()


def balanced(labels, limit, skip, seed):
    np.random.seed(seed)
    labels = np.array(labels)
    kept, unique = [], sorted(set(labels.tolist()))
    share = lambda n, i: n // len(unique) + (i < n % len(unique))
    for i, label in enumerate(unique):
        of = np.where(labels == label)[0]
        drawn = np.random.choice(of, share(skip, i) + share(limit, i), replace=False)
        kept += drawn[share(skip, i):].tolist()
    return kept


labels = [(i * 7 + i // 3) % 4 for i in range(60)]
json.dump(
    {
        "labels": labels,
        "unbalanced": [[t, n, s, seed, unbalanced(t, n, s, seed)] for t, n, s, seed in [(60, 10, 0, 0), (60, 7, 5, 3), (1000, 20, 1, 42)]],
        "balanced": [[n, s, seed, balanced(labels, n, s, seed)] for n, s, seed in [(8, 0, 0), (10, 3, 1), (13, 4, 7)]],
    },
    open("subsets.json", "w"),
)
print(np.__version__)
