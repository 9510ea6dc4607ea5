use pulp::{Arch, Simd, WithSimd};

/// A loop that is worth the widest vectors. `run` and all that it calls must be `#[inline(always)]`: only what becomes
/// part of the dispatching function is compiled for them.
pub(crate) trait Kernel {
    type Out;
    fn run(self) -> Self::Out;
}

struct Dispatched<K>(K);

impl<K: Kernel> WithSimd for Dispatched<K> {
    type Output = K::Out;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> K::Out {
        self.0.run()
    }
}

/// Runs a kernel compiled for the widest vectors of this processor that are known. The results are the same on every
/// processor: nothing is reassociated or fused.
pub(crate) fn simd<K: Kernel>(kernel: K) -> K::Out {
    Arch::new().dispatch(Dispatched(kernel))
}
