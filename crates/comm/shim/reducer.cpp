// Averages gradients over a group in buckets while the backward pass still runs.
#include "group.h"
#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/reducer.hpp>

using at::Tensor;

struct Reducer {
  std::unique_ptr<c10d::Reducer> reducer;
};

extern "C" {

// Parameters in the order of the model; every one of them must take part in each backward pass. Buckets are filled
// in the reverse order, the first one small so that the exchange begins early. Sizes in bytes.
Reducer* vissl_reducer(const Group* group, const Tensor* const* parameters, size_t count, int64_t first_bucket,
                       int64_t bucket, Error* error) {
  Reducer* made = nullptr;
  guarded(error, [&] {
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < count; i++) tensors.push_back(*parameters[i]);
    auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(tensors, {static_cast<size_t>(first_bucket),
                                                                               static_cast<size_t>(bucket)});
    std::reverse(buckets.begin(), buckets.end());
    std::reverse(limits.begin(), limits.end());
    std::vector<int64_t> caps(limits.begin(), limits.end());
    made = new Reducer{std::make_unique<c10d::Reducer>(
        tensors, buckets, group->group, std::vector<bool>(count, false), bucket, /*find_unused_parameters=*/false,
        /*gradient_as_bucket_view=*/false, std::unordered_map<size_t, std::string>{}, first_bucket,
        /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false, caps)};
    return 0;
  });
  return made;
}

// Before each backward pass whose gradients are to be averaged.
int32_t vissl_reducer_prepare(Reducer* reducer, Error* error) {
  return guarded(error, [&] {
    reducer->reducer->prepare_for_forward();
    reducer->reducer->prepare_for_backward({});
    return 0;
  });
}

void vissl_reducer_free(Reducer* reducer) { delete reducer; }
}
