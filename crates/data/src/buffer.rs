use bytemuck::{Pod, Zeroable};

use crate::pool::Home;

/// Alignment of every buffer in bytes: one cache line, and the widest vector register.
pub const ALIGNMENT: usize = 64;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line([u8; ALIGNMENT]);

/// Memory aligned to [`ALIGNMENT`] that does not move for as long as it lives.
pub struct Buffer {
    lines: Vec<Line>,
    bytes: usize,
    /// Where the memory goes afterwards.
    home: Option<Home>,
}

impl Buffer {
    /// Zeroed memory.
    pub fn new(bytes: usize) -> Self {
        Buffer {
            lines: Buffer::lines(bytes),
            bytes,
            home: None,
        }
    }

    pub(crate) fn lines(bytes: usize) -> Vec<Line> {
        vec![Line::zeroed(); bytes.div_ceil(ALIGNMENT).max(1)]
    }

    /// The first `bytes` of `lines`, as they are; they go back to `home`.
    pub(crate) fn of_pool(lines: Vec<Line>, bytes: usize, home: Home) -> Self {
        Buffer {
            lines,
            bytes,
            home: Some(home),
        }
    }

    pub fn len(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub fn as_ptr(&self) -> *const u8 {
        self.lines.as_ptr().cast()
    }

    /// The contents as elements of `T`; a tail smaller than one element is left out.
    pub fn as_slice<T: Pod>(&self) -> &[T] {
        let size = size_of::<T>();
        bytemuck::cast_slice(&bytemuck::cast_slice::<Line, u8>(&self.lines)[..self.bytes / size * size])
    }

    pub fn as_mut_slice<T: Pod>(&mut self) -> &mut [T] {
        let size = size_of::<T>();
        let end = self.bytes / size * size;
        bytemuck::cast_slice_mut(&mut bytemuck::cast_slice_mut::<Line, u8>(&mut self.lines)[..end])
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home.give(std::mem::take(&mut self.lines));
        }
    }
}
