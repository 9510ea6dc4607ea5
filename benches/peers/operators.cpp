// Time per call of small operators from C++. Prints JSON: {name: microseconds}. See operators.py.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>

template <typename Call>
static double time_of(long calls, long rounds, Call call) {
    double best = std::numeric_limits<double>::infinity();
    for (long round = 0; round < rounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (long i = 0; i < calls; ++i) call();
        const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
        best = std::min(best, spent.count() / static_cast<double>(calls));
    }
    return best;
}

int main(int argc, char** argv) {
    const long calls = argc > 1 ? std::atol(argv[1]) : 20000;
    const long rounds = argc > 2 ? std::atol(argv[2]) : 7;
    at::set_num_threads(1);
    c10::NoGradGuard no_grad;
    const at::Tensor a = at::ones({1, 1});
    const at::Tensor b = at::ones({1, 1});
    const double add = time_of(calls, rounds, [&] { a.add(b); });
    const double mul = time_of(calls, rounds, [&] { a.mul(b); });
    const double relu = time_of(calls, rounds, [&] { a.relu(); });
    const double sum = time_of(calls, rounds, [&] { a.sum(); });
    const double matmul = time_of(calls, rounds, [&] { a.matmul(b); });
    std::printf("{\"add\": %.4f, \"mul\": %.4f, \"relu\": %.4f, \"sum\": %.4f, \"matmul\": %.4f}\n", add, mul, relu, sum, matmul);
}
