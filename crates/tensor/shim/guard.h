// Turns every C++ exception into an error record: nothing may unwind into Rust.
#pragma once
#include <c10/util/Exception.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>

// Mirrors `ErrorKind` in src/error.rs.
enum ErrorKind : int32_t {
  KIND_RUNTIME = 0,
  KIND_INDEX = 1,
  KIND_VALUE = 2,
  KIND_TYPE = 3,
  KIND_NOT_IMPLEMENTED = 4,
  KIND_OUT_OF_MEMORY = 5,
  KIND_LINALG = 6,
  KIND_FREED = 7,
};

struct Error {
  int32_t kind;
  char* message; // malloc'ed, freed by the receiver
};

struct BadArgument : std::exception {
  int32_t kind;
  std::string text;
  BadArgument(int32_t kind, std::string text) : kind(kind), text(std::move(text)) {}
  const char* what() const noexcept override { return text.c_str(); }
};

inline void set_error(Error* error, int32_t kind, const char* text) {
  error->kind = kind;
  error->message = strdup(text);
}

template <class F> int32_t guarded(Error* error, F&& body) {
  try {
    return body();
  } catch (const BadArgument& e) {
    set_error(error, e.kind, e.what());
  } catch (const c10::IndexError& e) {
    set_error(error, KIND_INDEX, e.what_without_backtrace());
  } catch (const c10::ValueError& e) {
    set_error(error, KIND_VALUE, e.what_without_backtrace());
  } catch (const c10::TypeError& e) {
    set_error(error, KIND_TYPE, e.what_without_backtrace());
  } catch (const c10::NotImplementedError& e) {
    set_error(error, KIND_NOT_IMPLEMENTED, e.what_without_backtrace());
  } catch (const c10::OutOfMemoryError& e) {
    set_error(error, KIND_OUT_OF_MEMORY, e.what_without_backtrace());
  } catch (const c10::LinAlgError& e) {
    set_error(error, KIND_LINALG, e.what_without_backtrace());
  } catch (const c10::Error& e) {
    const char* text = e.what_without_backtrace();
    bool memory = strstr(text, "can't allocate memory") || strstr(text, "not enough memory");
    set_error(error, memory ? KIND_OUT_OF_MEMORY : KIND_RUNTIME, text);
  } catch (const std::bad_alloc&) {
    set_error(error, KIND_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    set_error(error, KIND_RUNTIME, e.what());
  } catch (...) {
    set_error(error, KIND_RUNTIME, "unknown C++ exception");
  }
  return -1;
}
