/// Runs `work` compiled for the widest vectors that this processor has. What it calls must be inlined into it
/// (`#[inline(always)]`) to take part. The results are the same on every processor: nothing is reassociated or fused.
#[inline]
pub(crate) fn simd<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
