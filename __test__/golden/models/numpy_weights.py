"""Writes numpy_weights.pth: weights as NumPy arrays, one of them in Fortran order (torch 2.13.0, numpy 2)."""
import pathlib

import numpy as np
import torch

weight = np.asfortranarray(np.arange(48, dtype=np.float64).reshape(3, 16))
bias = np.array([0.5, 1.5, 2.5], dtype=np.float32)
path = pathlib.Path(__file__).with_name('numpy_weights.pth')
torch.save({'heads.0.clf.0.weight': weight, 'heads.0.clf.0.bias': bias}, path)
