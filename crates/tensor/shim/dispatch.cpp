// Boxed calls of any ATen operator through the c10 dispatcher.
//
// Arguments arrive as a flat array of doubles: a tag, then its payload (see `Tag`). Every argument is checked
// against the operator's schema before the call, because many kernels trust their caller.
#include "guard.h"
#include "json.h"
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <sstream>
#include <vector>

using at::Tensor;
using c10::IValue;
using c10::TypeKind;

namespace {

// Mirrors `Tag` in ts/engine/protocol.ts.
enum Tag : int {
  TAG_DEFAULT = -1, // leave the argument at its schema default
  TAG_NONE = 0,
  TAG_TENSOR = 1,      // handle
  TAG_INT = 2,         // value
  TAG_FLOAT = 3,       // value
  TAG_BOOL = 4,        // 0 or 1
  TAG_INT_LIST = 5,    // n, values
  TAG_TENSOR_LIST = 6, // n, handles (-1: none)
  TAG_STRING = 7,      // index into the interned strings
  TAG_DEVICE = 8,      // type, index (-1: current)
  TAG_FLOAT_LIST = 10, // n, values
  TAG_GENERATOR = 11,  // index into the generators
  TAG_BIGINT = 12,     // high 32 bits, low 32 bits
  TAG_BOOL_LIST = 13,  // n, values
  TAG_SAME = 20,       // only in results: the k-th argument itself, changed in place
};

// Mirrors `Slot` in src/table.rs.
struct Slot {
  Tensor* tensor;
  uint32_t generation;
  uint32_t live;
};

// Mirrors `Context` in src/dispatch.rs: what handles, string and generator indices refer to.
struct Context {
  const Slot* slots;
  size_t slot_count;
  const char* const* strings;
  size_t string_count;
  at::Generator* const* generators;
  size_t generator_count;
};

enum class Kind { tensor, integer, floating, boolean, number, string, device, generator, tensors, optional_tensors,
                  integers, floats, booleans, numbers, unsupported };

struct Argument {
  std::string name;
  std::string type;
  Kind kind;
  bool optional;
  bool required;
  int64_t enum_size; // > 0: an integer that stands for an enum with this many values
  int32_t list_size; // int[2]: one number is expanded to the list
  IValue fallback;
};

struct Operator {
  c10::OperatorHandle handle;
  std::vector<Argument> arguments;
  std::vector<int> result_is_argument; // per result: index of the argument it is, or -1
};

Kind kind_of(const c10::Type& type) {
  switch (type.kind()) {
    case TypeKind::TensorType: return Kind::tensor;
    case TypeKind::IntType:
    case TypeKind::SymIntType:
    case TypeKind::ScalarTypeType:
    case TypeKind::LayoutType:
    case TypeKind::MemoryFormatType: return Kind::integer;
    case TypeKind::FloatType: return Kind::floating;
    case TypeKind::BoolType: return Kind::boolean;
    case TypeKind::NumberType: return Kind::number;
    case TypeKind::StringType: return Kind::string;
    case TypeKind::DeviceObjType: return Kind::device;
    case TypeKind::GeneratorType: return Kind::generator;
    case TypeKind::ListType: {
      const auto& element = *type.castRaw<c10::ListType>()->getElementType();
      switch (element.kind()) {
        case TypeKind::TensorType: return Kind::tensors;
        case TypeKind::IntType:
        case TypeKind::SymIntType: return Kind::integers;
        case TypeKind::FloatType: return Kind::floats;
        case TypeKind::BoolType: return Kind::booleans;
        case TypeKind::NumberType: return Kind::numbers;
        case TypeKind::OptionalType:
          return element.castRaw<c10::OptionalType>()->getElementType()->kind() == TypeKind::TensorType
              ? Kind::optional_tensors
              : Kind::unsupported;
        default: return Kind::unsupported;
      }
    }
    default: return Kind::unsupported;
  }
}

int64_t enum_size_of(const c10::Type& type) {
  switch (type.kind()) {
    case TypeKind::ScalarTypeType: return static_cast<int64_t>(c10::ScalarType::NumOptions);
    case TypeKind::LayoutType: return static_cast<int64_t>(c10::Layout::NumOptions);
    case TypeKind::MemoryFormatType: return static_cast<int64_t>(c10::MemoryFormat::NumOptions);
    default: return 0;
  }
}

const c10::Type& without_optional(const c10::Type& type) {
  return type.kind() == TypeKind::OptionalType ? *type.castRaw<c10::OptionalType>()->getElementType() : type;
}

Operator* describe(const c10::OperatorHandle& handle) {
  auto* op = new Operator{handle, {}, {}};
  const auto& schema = handle.schema();
  for (const auto& argument : schema.arguments()) {
    const c10::Type& real = *argument.real_type();
    const c10::Type& inner = without_optional(real);
    Argument described;
    described.name = argument.name();
    described.type = real.annotation_str();
    described.kind = kind_of(inner);
    described.optional = real.kind() == TypeKind::OptionalType;
    described.required = !argument.default_value().has_value();
    described.enum_size = enum_size_of(inner);
    described.list_size = argument.N().value_or(0);
    if (argument.default_value()) described.fallback = *argument.default_value();
    op->arguments.push_back(std::move(described));
  }
  for (const auto& result : schema.returns()) {
    int same = -1;
    if (result.alias_info() && result.alias_info()->isWrite()) {
      for (size_t k = 0; k < schema.arguments().size() && same < 0; k++) {
        const auto* alias = schema.arguments()[k].alias_info();
        if (alias && alias->isWrite() && alias->beforeSets() == result.alias_info()->beforeSets() &&
            schema.arguments()[k].type()->kind() == TypeKind::TensorType) {
          same = static_cast<int>(k);
        }
      }
    }
    op->result_is_argument.push_back(same);
  }
  return op;
}

[[noreturn]] void mismatch(const Argument& argument, int tag) {
  static const char* const names[] = {"null", "a tensor", "an integer", "a float", "a boolean", "an integer list",
                                      "a tensor list", "a string", "a device", "", "a float list", "a generator",
                                      "a bigint", "a boolean list"};
  const char* got = tag >= 0 && tag <= 13 ? names[tag] : "an unknown value";
  throw BadArgument(KIND_TYPE, "argument '" + argument.name + "' must be " + argument.type + ", got " + got);
}

// Reads one operator's arguments from the flat array, never past its end.
class Reader {
 public:
  Reader(const Context& context, const double* begin, const double* end) : context_(context), at_(begin), end_(end) {}

  bool done() const { return at_ == end_; }

  int tag() { return static_cast<int>(next()); }

  IValue value(const Argument& argument, int tag) {
    switch (tag) {
      case TAG_NONE:
        if (!argument.optional) mismatch(argument, tag);
        return IValue();
      case TAG_TENSOR:
        if (argument.kind == Kind::tensor) return IValue(tensor(next()));
        if (argument.kind == Kind::number) return IValue(scalar_of(tensor(next()), argument));
        break;
      case TAG_INT: return integer(argument, exact(next(), argument));
      case TAG_BIGINT: {
        auto high = static_cast<int64_t>(next());
        auto low = static_cast<uint32_t>(next());
        return integer(argument, static_cast<int64_t>((static_cast<uint64_t>(high) << 32) | low));
      }
      case TAG_FLOAT: {
        double v = next();
        if (argument.kind == Kind::floating || argument.kind == Kind::number) return IValue(v);
        break;
      }
      case TAG_BOOL: {
        bool v = next() != 0;
        if (argument.kind == Kind::boolean || argument.kind == Kind::number) return IValue(v);
        break;
      }
      case TAG_INT_LIST: return integers(argument, length());
      case TAG_FLOAT_LIST: {
        size_t n = length();
        if (argument.kind == Kind::floats) return list<double>(n, [&] { return next(); });
        if (argument.kind == Kind::numbers) return list<c10::Scalar>(n, [&] { return c10::Scalar(next()); });
        break;
      }
      case TAG_BOOL_LIST: {
        size_t n = length();
        if (argument.kind == Kind::booleans) return list<bool>(n, [&] { return next() != 0; });
        break;
      }
      case TAG_TENSOR_LIST: {
        size_t n = length();
        if (argument.kind == Kind::tensors) return list<Tensor>(n, [&] { return tensor(next()); });
        if (argument.kind == Kind::optional_tensors) {
          return list<std::optional<Tensor>>(n, [&]() -> std::optional<Tensor> {
            double handle = next();
            if (handle < 0) return std::nullopt;
            return tensor(handle);
          });
        }
        break;
      }
      case TAG_STRING: {
        size_t index = static_cast<size_t>(next());
        if (argument.kind == Kind::string && index < context_.string_count) return IValue(context_.strings[index]);
        break;
      }
      case TAG_DEVICE: {
        int type = static_cast<int>(next());
        int index = static_cast<int>(next());
        if (type < 0 || type >= c10::COMPILE_TIME_MAX_DEVICE_TYPES || index < -1 || index > 127)
          throw BadArgument(KIND_VALUE, "argument '" + argument.name + "' is no device of this libtorch");
        if (argument.kind == Kind::device)
          return IValue(c10::Device(static_cast<c10::DeviceType>(type), static_cast<c10::DeviceIndex>(index)));
        break;
      }
      case TAG_GENERATOR: {
        size_t index = static_cast<size_t>(next());
        if (argument.kind == Kind::generator && index < context_.generator_count && context_.generators[index])
          return IValue(*context_.generators[index]);
        break;
      }
    }
    mismatch(argument, tag);
  }

 private:
  double next() {
    if (at_ == end_) throw BadArgument(KIND_TYPE, "the argument list is cut short");
    return *at_++;
  }

  size_t length() {
    double n = next();
    if (!(n >= 0) || n > static_cast<double>(end_ - at_)) throw BadArgument(KIND_TYPE, "the argument list is cut short");
    return static_cast<size_t>(n);
  }

  static int64_t exact(double v, const Argument& argument) {
    if (!(v >= -9007199254740992.0 && v <= 9007199254740992.0) || v != static_cast<double>(static_cast<int64_t>(v)))
      throw BadArgument(KIND_TYPE, "argument '" + argument.name + "' must be a whole number");
    return static_cast<int64_t>(v);
  }

  const Tensor& tensor(double handle) {
    auto bits = handle >= 0 ? static_cast<uint64_t>(handle) : 0;
    auto index = static_cast<uint32_t>(bits);
    auto generation = static_cast<uint32_t>(bits >> 32);
    if (index >= context_.slot_count || !context_.slots[index].live || context_.slots[index].generation != generation)
      throw BadArgument(KIND_FREED, "a tensor that was already freed is used again");
    return *context_.slots[index].tensor;
  }

  static c10::Scalar scalar_of(const Tensor& t, const Argument& argument) {
    if (t.numel() != 1) throw BadArgument(KIND_TYPE, "argument '" + argument.name + "' must be a number or a one-element tensor");
    return t.item();
  }

  IValue integer(const Argument& argument, int64_t v) {
    switch (argument.kind) {
      case Kind::integer:
        if (argument.enum_size > 0 && (v < 0 || v >= argument.enum_size))
          throw BadArgument(KIND_VALUE, "argument '" + argument.name + "' is out of range");
        return IValue(v);
      case Kind::number: return IValue(v);
      case Kind::floating: return IValue(static_cast<double>(v));
      case Kind::integers:
        if (argument.list_size > 0) return IValue(std::vector<int64_t>(argument.list_size, v));
        break;
      case Kind::floats:
        if (argument.list_size > 0) return IValue(std::vector<double>(argument.list_size, static_cast<double>(v)));
        break;
      default: break;
    }
    mismatch(argument, TAG_INT);
  }

  IValue integers(const Argument& argument, size_t n) {
    switch (argument.kind) {
      case Kind::integers: return list<int64_t>(n, [&] { return exact(next(), argument); });
      case Kind::floats: return list<double>(n, [&] { return next(); });
      case Kind::numbers: return list<c10::Scalar>(n, [&] { return c10::Scalar(exact(next(), argument)); });
      case Kind::tensors:
        if (n == 0) return IValue(c10::List<Tensor>());
        break;
      default: break;
    }
    mismatch(argument, TAG_INT_LIST);
  }

  template <class T, class F> IValue list(size_t n, F&& element) {
    c10::List<T> values;
    values.reserve(n);
    for (size_t i = 0; i < n; i++) values.push_back(element());
    return IValue(std::move(values));
  }

  const Context& context_;
  const double* at_;
  const double* end_;
};

// Writes results; a new tensor is an owned pointer, bit-copied into the double.
class Writer {
 public:
  Writer(double* begin, size_t capacity) : begin_(begin), at_(begin), end_(begin + capacity) {}

  void number(double v) {
    if (at_ == end_) throw BadArgument(KIND_VALUE, "the operator returned more values than one call can carry");
    *at_++ = v;
  }

  void tensor(Tensor t) {
    double bits = 0;
    if (t.defined()) {
      auto* owned = new Tensor(std::move(t));
      memcpy(&bits, &owned, sizeof owned);
    }
    number(bits);
  }

  void value(IValue& v, int same_as) {
    if (same_as >= 0) {
      number(TAG_SAME);
      number(same_as);
    } else if (v.isTensor()) {
      Tensor t = std::move(v).toTensor();
      if (!t.defined()) return number(TAG_NONE);
      number(TAG_TENSOR);
      tensor(std::move(t));
    } else if (v.isTensorList()) {
      auto tensors = v.toTensorVector();
      if (static_cast<size_t>(end_ - at_) < tensors.size() + 2)
        throw BadArgument(KIND_VALUE, "the operator returned more tensors than one call can carry");
      number(TAG_TENSOR_LIST);
      number(static_cast<double>(tensors.size()));
      for (auto& t : tensors) tensor(std::move(t));
    } else if (v.isNone()) {
      number(TAG_NONE);
    } else if (v.isInt()) {
      int64_t n = v.toInt();
      number(TAG_INT);
      number(static_cast<double>(n));
    } else if (v.isDouble()) {
      number(TAG_FLOAT);
      number(v.toDouble());
    } else if (v.isBool()) {
      number(TAG_BOOL);
      number(v.toBool());
    } else if (v.isIntList()) {
      auto values = v.toIntVector();
      number(TAG_INT_LIST);
      number(static_cast<double>(values.size()));
      for (auto n : values) number(static_cast<double>(n));
    } else {
      throw BadArgument(KIND_NOT_IMPLEMENTED, "the operator returns a " + v.tagKind() + ", which has no counterpart here");
    }
  }

  int32_t size() const { return static_cast<int32_t>(at_ - begin_); }

 private:
  double* begin_;
  double* at_;
  double* end_;
};

} // namespace

extern "C" {

Operator* vissl_operator(const char* name, const char* overload, Error* error) {
  Operator* found = nullptr;
  guarded(error, [&] {
    auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!handle) {
      throw BadArgument(KIND_NOT_IMPLEMENTED, std::string("this libtorch has no operator ") + name +
                                                  (*overload ? "." : "") + overload);
    }
    found = describe(*handle);
    return 0;
  });
  return found;
}

void vissl_operator_free(Operator* op) { delete op; }

// Returns how many doubles were written to `out`, or -1 with `error` filled in.
int32_t vissl_call(Operator* op, const Context* context, const double* arguments, size_t length, double* out,
                   size_t capacity, Error* error) {
  return guarded(error, [&] {
    Reader reader(*context, arguments, arguments + length);
    torch::jit::Stack stack;
    stack.reserve(op->arguments.size() + 2);
    for (const auto& argument : op->arguments) {
      int tag = reader.done() ? TAG_DEFAULT : reader.tag();
      if (tag != TAG_DEFAULT) {
        stack.push_back(reader.value(argument, tag));
      } else if (!argument.required) {
        stack.push_back(argument.fallback);
      } else if (argument.optional) {
        stack.emplace_back();
      } else {
        throw BadArgument(KIND_TYPE, "argument '" + argument.name + "' (" + argument.type + ") is missing");
      }
    }
    if (!reader.done()) {
      throw BadArgument(KIND_TYPE, "too many arguments: it takes " + std::to_string(op->arguments.size()));
    }
    op->handle.callBoxed(stack);
    Writer writer(out, capacity);
    for (size_t k = 0; k < stack.size(); k++) {
      writer.value(stack[k], k < op->result_is_argument.size() ? op->result_is_argument[k] : -1);
    }
    return writer.size();
  });
}

// One JSON object a line for every operator of the `aten` namespace; malloc'ed.
char* vissl_schemas(Error* error) {
  char* text = nullptr;
  guarded(error, [&] {
    std::ostringstream lines;
    for (const auto& name : c10::Dispatcher::singleton().getAllOpNames()) {
      if (name.name.rfind("aten::", 0) != 0) continue;
      auto handle = c10::Dispatcher::singleton().findSchema(name);
      if (!handle) continue;
      const auto& schema = handle->schema();
      std::unique_ptr<Operator> op(describe(*handle));
      lines << "{\"name\":" << quoted(name.name.substr(6)) << ",\"overload\":" << quoted(name.overload_name) << ",\"arguments\":[";
      for (size_t k = 0; k < op->arguments.size(); k++) {
        const auto& argument = op->arguments[k];
        const auto& source = schema.arguments()[k];
        lines << (k ? "," : "") << "{\"name\":" << quoted(argument.name) << ",\"type\":" << quoted(argument.type)
              << ",\"size\":" << argument.list_size << ",\"keyword\":" << (source.kwarg_only() ? "true" : "false")
              << ",\"required\":" << (argument.required ? "true" : "false");
        if (!argument.required) {
          std::ostringstream fallback;
          fallback << argument.fallback;
          lines << ",\"default\":" << quoted(fallback.str());
        }
        lines << "}";
      }
      lines << "],\"results\":[";
      for (size_t k = 0; k < schema.returns().size(); k++) {
        lines << (k ? "," : "") << "{\"type\":" << quoted(schema.returns()[k].real_type()->annotation_str())
              << ",\"same\":" << op->result_is_argument[k] << "}";
      }
      lines << "]}\n";
    }
    text = strdup(lines.str().c_str());
    return 0;
  });
  return text;
}
}
