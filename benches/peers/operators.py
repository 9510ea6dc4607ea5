"""Time per call of small operators through PyTorch's Python binding and from C++, in one run. Microseconds.

python benches/peers/operators.py [--calls 20000] [--rounds 7]
Prints one JSON line: {"python": {name: µs}, "cpp": {name: µs}}. The C++ program is compiled on first use against
the torch package that Python imports; both sides take the best of their rounds on one thread.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import torch


def python_times(calls: int, rounds: int) -> dict[str, float]:
    a, b = torch.ones(1, 1), torch.ones(1, 1)

    def time_of(call) -> float:
        best = float("inf")
        for _ in range(rounds):
            start = time.perf_counter()
            for _ in range(calls):
                call()
            best = min(best, time.perf_counter() - start)
        return round(1e6 * best / calls, 4)

    return {
        "add": time_of(lambda: a.add(b)),
        "mul": time_of(lambda: a.mul(b)),
        "relu": time_of(lambda: a.relu()),
        "sum": time_of(lambda: a.sum()),
        "matmul": time_of(lambda: a.matmul(b)),
    }


def cpp_times(calls: int, rounds: int) -> dict[str, float]:
    source = Path(__file__).with_name("operators.cpp")
    package = Path(torch.__file__).parent
    abi = int(torch.compiled_with_cxx11_abi())
    libraries = [package / "lib", *sorted(package.parent.glob("nvidia/*/lib"))]
    program = Path(tempfile.gettempdir()) / f"vissl-operators-{torch.__version__}-{source.stat().st_mtime_ns}"
    if not program.exists():
        partial = f"{program}.{os.getpid()}"
        includes = [f"-I{package}/include", f"-I{package}/include/torch/csrc/api/include"]
        links = [f"-L{package}/lib", "-ltorch_cpu", "-lc10"]
        paths = [flag for folder in libraries for flag in (f"-Wl,-rpath,{folder}", f"-Wl,-rpath-link,{folder}")]
        command = [os.environ.get("CXX", "c++"), "-std=c++20", "-O2", f"-D_GLIBCXX_USE_CXX11_ABI={abi}", "-w"]
        subprocess.run([*command, *includes, str(source), "-o", partial, *links, *paths], check=True)
        os.replace(partial, program)
    output = subprocess.run([program, str(calls), str(rounds)], check=True, capture_output=True, text=True).stdout
    return json.loads(output)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with torch.no_grad():
        python = python_times(args.calls, args.rounds)
    print(json.dumps({"python": python, "cpp": cpp_times(args.calls, args.rounds)}))


if __name__ == "__main__":
    main()
