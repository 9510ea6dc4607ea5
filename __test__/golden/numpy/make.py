"""Makes arrays in NumPy's formats and expected.json, with NumPy (the version is in expected.json)."""

import json
import pickle

import numpy as np

texts = np.array(["a/b.jpg", "", "ключ 𝄞.png"])
arrays = {
    "texts": texts,
    "bytes": np.array([b"ab", b"c"]),
    "objects": np.array(["a.jpg", "longer/b.jpg"], dtype=object),
    "object_scalars": np.array([np.str_("x"), np.str_("yy")], dtype=object),
    "object_ints": np.array([1, 2, -3], dtype=object),
    "labels": np.array([3, -1, 7], dtype=np.int64),
    "big_endian": np.array([1, -2, 300], dtype=">i4"),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "matrix": np.arange(6, dtype=np.int32).reshape(2, 3) - 2,
    "bools": np.array([True, False]),
    "empty": np.zeros((0, 4), dtype=np.float64),
    "scalar": np.array(2.5),
    "half": np.array([0.5, -2], dtype=np.float16),
    "big_texts": np.array(["ab", "c"], dtype=">U3"),
}
expected = {"numpy": np.__version__, "arrays": {}}
for name, array in arrays.items():
    np.save(f"{name}.npy", array, allow_pickle=True)
    for protocol in (2, 4):
        with open(f"{name}.{protocol}.pkl", "wb") as file:
            pickle.dump(array, file, protocol=protocol)
    values = [x.decode("latin1") if isinstance(x, bytes) else x for x in array.ravel().tolist()]
    expected["arrays"][name] = {"shape": list(array.shape), "values": values}
with open("list.pkl", "wb") as file:
    pickle.dump(["a.jpg", "b.jpg"], file)
with open("expected.json", "w") as file:
    json.dump(expected, file, indent=1)
