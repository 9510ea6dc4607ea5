"""Arrays as NumPy saves them, which the writer of lists has to equal byte for byte. Made with the numpy printed below."""
import numpy as np

np.save("texts.npy", np.array(["a/1.jpg", "", "ü.png", "long/er/名.jpg"]))
np.save("labels.npy", np.array([[1, -1, 0], [0, 1, 2147483647]], dtype=np.int32))
np.save("ids.npy", np.arange(5, dtype=np.int32))
print(np.__version__)
