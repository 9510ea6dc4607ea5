// Per-tensor queries and process-wide switches that no operator schema covers.
#include "guard.h"
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/version.h>
#include <algorithm>
#include <sstream>

using at::Tensor;

extern "C" {

const char* vissl_libtorch_version() { return TORCH_VERSION; }

// dtype, device type, device index, requires grad, is leaf, bytes of the elements, then the sizes.
int32_t vissl_describe(const Tensor* t, double* out, size_t capacity, Error* error) {
  return guarded(error, [&] {
    auto sizes = t->sizes();
    if (capacity < sizes.size() + 6) throw BadArgument(KIND_VALUE, "the tensor has too many dimensions");
    double* at = out;
    *at++ = static_cast<double>(t->scalar_type());
    *at++ = static_cast<double>(t->device().type());
    *at++ = t->device().index();
    *at++ = t->requires_grad();
    *at++ = t->is_leaf();
    *at++ = static_cast<double>(t->numel() * t->element_size());
    for (auto size : sizes) *at++ = static_cast<double>(size);
    return static_cast<int32_t>(at - out);
  });
}

// Identity and bytes of the storage, so that views are counted once.
int32_t vissl_storage(const Tensor* t, uint64_t* identity, uint64_t* bytes, Error* error) {
  return guarded(error, [&] {
    *identity = 0;
    *bytes = 0;
    if (t->has_storage()) {
      *identity = reinterpret_cast<uint64_t>(t->storage().unsafeGetStorageImpl());
      *bytes = t->storage().nbytes();
    }
    return 0;
  });
}

int32_t vissl_is_contiguous(const Tensor* t, int32_t memory_format, Error* error) {
  return guarded(error, [&] { return t->is_contiguous(static_cast<c10::MemoryFormat>(memory_format)) ? 1 : 0; });
}

int32_t vissl_set_requires_grad(Tensor* t, int32_t on, Error* error) {
  return guarded(error, [&] {
    t->set_requires_grad(on != 0);
    return 0;
  });
}

// A new reference to the gradient, or null when there is none.
Tensor* vissl_grad(const Tensor* t, Error* error) {
  Tensor* found = nullptr;
  guarded(error, [&] {
    if (t->grad().defined()) found = new Tensor(t->grad());
    return 0;
  });
  return found;
}

// What an optimizer needs of `count` parameters at once: for each a new reference to its gradient in the parameter's
// layout (null when there is none), and that layout: 0 contiguous, 2 channels last, -1 neither.
int32_t vissl_gradients(const Tensor* const* parameters, size_t count, Tensor** gradients, int32_t* layouts,
                        Error* error) {
  std::fill(gradients, gradients + count, nullptr);
  int32_t code = guarded(error, [&] {
    for (size_t k = 0; k < count; k++) {
      const auto& p = *parameters[k];
      bool plain = p.is_contiguous();
      bool last = !plain && p.is_contiguous(at::MemoryFormat::ChannelsLast);
      layouts[k] = plain ? 0 : last ? 2 : -1;
      const auto& grad = p.grad();
      if (!grad.defined()) continue;
      if (grad.sizes() != p.sizes() || grad.scalar_type() != p.scalar_type() || grad.device() != p.device()) {
        std::ostringstream text;
        text << "a gradient is " << grad.scalar_type() << grad.sizes() << ", its parameter " << p.scalar_type()
             << p.sizes();
        throw BadArgument(KIND_VALUE, text.str());
      }
      auto format = last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
      gradients[k] = new Tensor(layouts[k] < 0 ? grad : grad.contiguous(format));
    }
    return 0;
  });
  if (code < 0) {
    for (size_t k = 0; k < count; k++) delete gradients[k];
  }
  return code;
}

// `gradient` null clears it.
int32_t vissl_set_grad(Tensor* t, const Tensor* gradient, Error* error) {
  return guarded(error, [&] {
    if (gradient && (gradient->sizes() != t->sizes() || gradient->scalar_type() != t->scalar_type() ||
                     gradient->device() != t->device()))
      throw BadArgument(KIND_VALUE, "a gradient must have the shape, dtype and device of its tensor");
    t->mutable_grad() = gradient ? *gradient : Tensor();
    return 0;
  });
}

int32_t vissl_backward(const Tensor* t, const Tensor* gradient, int32_t retain_graph, int32_t create_graph, Error* error) {
  return guarded(error, [&] {
    t->backward(gradient ? *gradient : Tensor(), retain_graph != 0, create_graph != 0);
    return 0;
  });
}

// Takes the memory over: `release(context)` is called once, when the last view of it is gone, on any thread.
Tensor* vissl_from_blob(void* data, const int64_t* sizes, size_t dims, int32_t channels_last, int32_t dtype,
                        void (*release)(void*), void* context, Error* error) {
  Tensor* made = nullptr;
  guarded(error, [&] {
    at::IntArrayRef shape(sizes, dims);
    auto options = at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype));
    auto deleter = [release, context](void*) { release(context); };
    if (channels_last) {
      int64_t c = sizes[1], h = sizes[2], w = sizes[3];
      made = new Tensor(at::from_blob(data, shape, {c * h * w, 1, w * c, c}, deleter, options));
    } else {
      made = new Tensor(at::from_blob(data, shape, deleter, options));
    }
    return 0;
  });
  return made;
}

int32_t vissl_grad_mode(int32_t on) {
  bool before = c10::GradMode::is_enabled();
  if (on >= 0) c10::GradMode::set_enabled(on != 0);
  return before;
}

// The default generator's state as a byte tensor.
Tensor* vissl_rng_state(int32_t device_type, int32_t device_index, Error* error) {
  Tensor* state = nullptr;
  guarded(error, [&] {
    c10::Device device(static_cast<c10::DeviceType>(device_type), static_cast<c10::DeviceIndex>(device_index));
    auto generator = at::globalContext().defaultGenerator(device);
    std::lock_guard<std::mutex> lock(generator.mutex());
    state = new Tensor(generator.get_state());
    return 0;
  });
  return state;
}

int32_t vissl_set_rng_state(int32_t device_type, int32_t device_index, const Tensor* state, Error* error) {
  return guarded(error, [&] {
    c10::Device device(static_cast<c10::DeviceType>(device_type), static_cast<c10::DeviceIndex>(device_index));
    auto generator = at::globalContext().defaultGenerator(device);
    std::lock_guard<std::mutex> lock(generator.mutex());
    // A view into a larger tensor would be read from the wrong place.
    generator.set_state(state->clone(at::MemoryFormat::Contiguous));
    return 0;
  });
}

at::Generator* vissl_generator(uint64_t seed) { return new at::Generator(at::detail::createCPUGenerator(seed)); }

void vissl_generator_free(at::Generator* generator) { delete generator; }

// Enters (dtype >= 0) or leaves (dtype < 0) an autocast region; the weight cache ends with the outermost region.
int32_t vissl_autocast(int32_t device_type, int32_t dtype, Error* error) {
  return guarded(error, [&] {
    auto device = static_cast<c10::DeviceType>(device_type);
    bool before = at::autocast::is_autocast_enabled(device);
    if (dtype >= 0) {
      at::autocast::increment_nesting();
      at::autocast::set_autocast_dtype(device, static_cast<c10::ScalarType>(dtype));
      at::autocast::set_autocast_enabled(device, true);
    } else {
      at::autocast::set_autocast_enabled(device, false);
      if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    }
    return before ? 1 : 0;
  });
}
}
