"""k-means of faiss on points from a file: seconds of wall and of processor, mean squared distance."""

import argparse
import json
import time

import faiss
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("points", help="float32, row after row")
parser.add_argument("start", help="float32, the centroids to begin with")
parser.add_argument("--dims", type=int)
parser.add_argument("--iterations", type=int)
parser.add_argument("--threads", type=int)
parser.add_argument("--spherical", type=int)
args = parser.parse_args()

faiss.omp_set_num_threads(args.threads)
points = np.fromfile(args.points, dtype=np.float32).reshape(-1, args.dims)
start = np.fromfile(args.start, dtype=np.float32).reshape(-1, args.dims)


def run(points, start, iterations):
    clustering = faiss.Kmeans(
        args.dims,
        len(start),
        niter=iterations,
        spherical=bool(args.spherical),
        max_points_per_centroid=len(points),
        min_points_per_centroid=1,
    )
    clustering.train(points, init_centroids=start)
    return clustering.index.search(points, 1)[0]


run(points[:2000], start[:100], 1)
wall, processor = time.perf_counter(), time.process_time()
found = run(points, start, args.iterations)
wall, processor = time.perf_counter() - wall, time.process_time() - processor
objective = 1 - found.mean(dtype=np.float64) if args.spherical else found.mean(dtype=np.float64)
print(json.dumps({"wall": wall, "processor": processor, "objective": float(objective)}))
