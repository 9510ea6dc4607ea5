// Stores, Gloo process groups and collectives of torch.distributed's C++ layer.
#include "group.h"
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

using at::Tensor;

namespace {

std::chrono::milliseconds milliseconds(int64_t count) { return std::chrono::milliseconds(count); }

std::vector<Tensor> all_gather(c10d::ProcessGroup& group, const Tensor& tensor) {
  std::vector<Tensor> parts;
  for (int i = 0; i < group.getSize(); i++) parts.push_back(at::empty_like(tensor));
  std::vector<std::vector<Tensor>> outputs{parts};
  std::vector<Tensor> inputs{tensor};
  group.allgather(outputs, inputs)->wait();
  return outputs[0];
}

void all_reduce(c10d::ProcessGroup& group, Tensor tensor, c10d::ReduceOp::RedOpType reduction) {
  std::vector<Tensor> tensors{tensor};
  c10d::AllreduceOptions options;
  options.reduceOp = reduction;
  group.allreduce(tensors, options)->wait();
}

// Forward: all tensors one after another. Backward: the gradient of the own part, summed over all processes.
struct Gather : torch::autograd::Function<Gather> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& tensor,
                        const c10::intrusive_ptr<c10d::ProcessGroup>& group) {
    context->saved_data["group"] = c10::IValue::make_capsule(group);
    context->saved_data["rows"] = tensor.size(0);
    return at::cat(all_gather(*group, tensor.contiguous()), 0);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    auto capsule = context->saved_data["group"].toCapsule();
    auto* group = static_cast<c10d::ProcessGroup*>(capsule.get());
    auto rows = context->saved_data["rows"].toInt();
    auto gradient = gradients[0].clone(at::MemoryFormat::Contiguous);
    all_reduce(*group, gradient, c10d::ReduceOp::SUM);
    return {gradient.narrow(0, group->getRank() * rows, rows), Tensor()};
  }
};

} // namespace

extern "C" {

// The process with `is_server` serves the keys of all; the others connect to it.
Store* vissl_store_tcp(const char* host, uint16_t port, int32_t is_server, int64_t size, int64_t timeout, Error* error) {
  Store* made = nullptr;
  guarded(error, [&] {
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = is_server != 0;
    options.numWorkers = static_cast<size_t>(size);
    options.timeout = milliseconds(timeout);
    made = new Store{c10::make_intrusive<c10d::TCPStore>(host, options)};
    return 0;
  });
  return made;
}

Store* vissl_store_file(const char* path, int64_t size, int64_t timeout, Error* error) {
  Store* made = nullptr;
  guarded(error, [&] {
    auto store = c10::make_intrusive<c10d::FileStore>(path, static_cast<int>(size));
    store->setTimeout(milliseconds(timeout));
    made = new Store{store};
    return 0;
  });
  return made;
}

void vissl_store_free(Store* store) { delete store; }

int32_t vissl_store_set(Store* store, const char* key, const uint8_t* value, size_t length, Error* error) {
  return guarded(error, [&] {
    store->store->set(key, std::vector<uint8_t>(value, value + length));
    return 0;
  });
}

// Waits until the key is there. Returns malloc'ed bytes, freed by the receiver, and their number.
uint8_t* vissl_store_get(Store* store, const char* key, size_t* length, Error* error) {
  uint8_t* bytes = nullptr;
  guarded(error, [&] {
    auto value = store->store->get(key);
    *length = value.size();
    bytes = static_cast<uint8_t*>(malloc(std::max<size_t>(value.size(), 1)));
    if (!bytes) throw std::bad_alloc();
    memcpy(bytes, value.data(), value.size());
    return 0;
  });
  return bytes;
}

// Joins a group of `size` processes. All of them give the same `name`, one that no other group of the store has.
// `address` is this machine's host name or address, empty for the default one.
Group* vissl_group(const Store* store, const char* name, int32_t rank, int32_t size, const char* address,
                   int64_t timeout, Error* error) {
  Group* made = nullptr;
  guarded(error, [&] {
    auto keys = c10::make_intrusive<c10d::PrefixStore>(name, store->store);
    auto options = c10d::ProcessGroupGloo::Options::create(milliseconds(timeout));
    options->devices.push_back(*address ? c10d::ProcessGroupGloo::createDeviceForHostname(address)
                                        : c10d::ProcessGroupGloo::createDefaultDevice());
    auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(keys, rank, size, options);
    auto group = c10::make_intrusive<c10d::ProcessGroup>(keys, rank, size);
    group->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO, gloo);
    group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
    made = new Group{group};
    return 0;
  });
  return made;
}

void vissl_group_free(Group* group) { delete group; }

// A new tensor: see `Gather`.
Tensor* vissl_gather(const Group* group, const Tensor* tensor, Error* error) {
  Tensor* gathered = nullptr;
  guarded(error, [&] {
    if (tensor->dim() == 0) throw BadArgument(KIND_VALUE, "a tensor without dimensions cannot be gathered");
    gathered = new Tensor(Gather::apply(*tensor, group->group));
    return 0;
  });
  return gathered;
}

// `reduction`: 0 sum, 1 mean, 2 max, 3 min. In place, no gradients.
int32_t vissl_all_reduce(const Group* group, Tensor* tensor, int32_t reduction, Error* error) {
  return guarded(error, [&] {
    at::NoGradGuard no_grad;
    using Op = c10d::ReduceOp;
    auto op = reduction == 2 ? Op::MAX : reduction == 3 ? Op::MIN : Op::SUM;
    auto values = tensor->contiguous();
    all_reduce(*group->group, values, op);
    if (reduction == 1) values.div_(group->group->getSize());
    if (!values.is_same(*tensor)) tensor->copy_(values);
    return 0;
  });
}

int32_t vissl_broadcast(const Group* group, Tensor* tensor, int32_t root, Error* error) {
  return guarded(error, [&] {
    at::NoGradGuard no_grad;
    auto values = tensor->contiguous();
    std::vector<Tensor> tensors{values};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    group->group->broadcast(tensors, options)->wait();
    if (!values.is_same(*tensor)) tensor->copy_(values);
    return 0;
  });
}

int32_t vissl_barrier(const Group* group, Error* error) {
  return guarded(error, [&] {
    group->group->barrier()->wait();
    return 0;
  });
}
}
